"""What clients of the contract see through the API alone: plugins, Argo CD, scripts that wait for an event."""
