"""The peer of first_result: stock JupyterHub 6.1.1 with JupyterLab, as its documentation starts it on one machine.

Everything not named here is the default.  The environment is SWAP's own tests' environment, so that
both sides import the same packages from the same disk.
"""

import os
import sys
from pathlib import Path

folder = Path(os.environ["PEER_FOLDER"])
c = get_config()  # noqa: F821 - JupyterHub defines it
c.JupyterHub.bind_url = f"http://127.0.0.1:{os.environ['PEER_PORT']}"
c.JupyterHub.hub_port = int(os.environ["PEER_HUB_PORT"])
c.JupyterHub.db_url = f"sqlite:///{folder}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = str(folder / "cookie_secret")
c.ConfigurableHTTPProxy.command = [os.environ["PEER_PROXY"]]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{os.environ['PEER_PROXY_PORT']}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = str(folder / "home")
c.Spawner.cmd = [str(Path(sys.executable).parent / "jupyterhub-singleuser")]
c.Spawner.args = ["--allow-root"]
c.Spawner.environment = {"PEER_POSTGRES": os.environ["PEER_POSTGRES"], "PEER_LAKE": os.environ["PEER_LAKE"]}
