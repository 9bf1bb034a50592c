"""Properties that hold for whatever clients do: found and shrunk by hypothesis."""
