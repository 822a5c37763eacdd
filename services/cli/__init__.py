"""The operator's commands. They talk HTTP to the gateway and the monitor, like every other client."""
