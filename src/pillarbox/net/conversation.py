"""Moved to pillarbox.conversation, which the protocol rooms below `net` can import too."""

from pillarbox.conversation import Conversation, Outlet, Peer, Phase

__all__ = ["Conversation", "Outlet", "Peer", "Phase"]
