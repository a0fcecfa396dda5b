"""How a page looks that is whole in itself: it stands where the parts that have SWAP's styles are away."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

SHEET: Final = """\
body { margin: 0 auto; max-width: 640px; padding: 96px 16px; font: 14px/22px system-ui, sans-serif }
h1 { margin: 0 0 16px; padding-bottom: 8px; border-bottom: 1px solid; font: 28px/36px Georgia, serif }
"""
"""The system's own colours, light and dark."""
SOURCE: Final = f"'sha256-{base64.b64encode(hashlib.sha256(SHEET.encode()).digest()).decode('ascii')}'"
"""It, as a Content-Security-Policy names it."""
