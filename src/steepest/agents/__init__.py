"""The door for agents, `steepest mcp`: small answers first, the rest on request."""
