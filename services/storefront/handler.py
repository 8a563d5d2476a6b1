"""The storefront as a Lambda function."""

from fanout_router.adapter import serve
from services.storefront.app import app

__all__ = ["handler"]

handler = serve(app)
