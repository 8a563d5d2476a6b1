"""What a person on call asks of a deployment and does to it: topology, sources, views and actions under every face."""
