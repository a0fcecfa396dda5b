"""MySQL and MariaDB as a source, from their connector down to the packets of their protocol."""
