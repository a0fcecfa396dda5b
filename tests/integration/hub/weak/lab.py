"""A person's server that takes WebSockets from any origin (H11).  Only for the attack tests."""

import sys

import swap.lab.__main__ as main

strict = main.build


def build(*arguments, **named):
    values = strict(*arguments, **named)
    values["ServerApp"]["allow_origin"] = "*"
    return values


main.build = build
sys.exit(main.main())
