"""What the role that deploys an environment has to be allowed: see :mod:`fanout_tools.deploy.access.deployer`."""
