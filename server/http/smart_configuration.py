""".well-known/smart-configuration (SMART App Launch 2.2 §conformance): what clients read before asking for a token."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from server.auth.smart import ALGORITHMS
from server.http.smart_services import token_url


def smart_configuration(app: web.Application) -> dict[str, Any]:
    """Give the document. Both scope versions are listed: some clients ask for v1 unless only v2 is named."""
    return {
        "token_endpoint": token_url(app),
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "grant_types_supported": ["client_credentials"],
        "scopes_supported": ["system/*.rs", "system/*.cruds", "system/*.read", "system/*.write", "system/*.*"],
        "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"],
    }
