"""Settings for the Jupyter server of this environment, read by JupyterLab and Notebook 7 (see pyproject.toml)."""

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class PromptConnection(ZMQChannelsWebsocketConnection):
    """Sends each message of the kernel at once.

    By default TCP keeps a small message back until the browser has confirmed the one before, and browsers take up to
    40 ms for that (Nagle's algorithm meets delayed acknowledgements): every other move of a slider waited for it.
    """

    def connect(self):
        self.websocket_handler.set_nodelay(True)
        return super().connect()


c = get_config()  # noqa: F821 (the server provides it)
c.ServerApp.kernel_websocket_connection_class = PromptConnection
# Settings of Notebook 6, which warn about themselves once voila is there.
c.ServerApp.jpserver_extensions = {"notebook_shim": False}
# The server's own ping timeout warns at every start.
c.ServerApp.logging_config = {"loggers": {"tornado.general": {"level": "ERROR"}}}
