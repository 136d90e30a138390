"""Mathematics shared by the attacks that draw pictures."""
