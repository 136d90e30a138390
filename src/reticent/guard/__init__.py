"""The gateway: an audited policy, enforced in front of a model server."""
