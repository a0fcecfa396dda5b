"""What `jupyterhub --config` reads: applies `swap.hub.config.configure`, and nothing else."""

from swap.hub import config, context

here = context.current()
for owner, values in config.configure(here.settings, here.runtime).items():
    for trait, value in values.items():
        c[owner][trait] = value  # type: ignore[name-defined]  # noqa: F821 - JupyterHub defines c
