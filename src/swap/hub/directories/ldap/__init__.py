"""People from an LDAP directory: servers, one connection, groups, entries, and the directory made of them.

`connection` alone knows python-ldap.  Nothing is asked over a connection whose other side has not proved who it is.
"""
