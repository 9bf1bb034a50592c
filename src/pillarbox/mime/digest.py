"""STUB INTERFACE, owned by the mime helper: what is computed once from a message's bytes."""
