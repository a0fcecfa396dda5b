"""How our own PostgreSQL is set, whatever its files say; what is not obvious has its reason beside it."""

from __future__ import annotations

from typing import Final

SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    # Errors and their statements hold values: whoever asked is told, and logs the condition.  What is fatal is logged.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_line_prefix": "%m [%p] %u@%d ",
    "logging_collector": "off",
    "track_activity_query_size": "8192",
}
