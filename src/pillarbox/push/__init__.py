"""Tells others over HTTP what happens in people's mail: events from the store's change sequence, and webhooks."""
