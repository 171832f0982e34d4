"""Reads AWS's price files into products: the bulk offer files, and what the GetProducts API returns.

An offer file (`/offers/v1.0/aws/<code>/current/index.json`, or a region's own) maps SKUs to products, and apart from
that to their terms. GetProducts returns one JSON text per product, with its terms inside; such texts are read one per
line, in a list, or in the API's response with its `PriceList`.

Notes
-----
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html, which
names the bounds of tiers startingRange and endingRange; the files themselves have beginRange and endRange.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ddbsim.checks.texts import text_in
from ddbsim.checks.wording import brief, shown

from .price import Tier

__all__ = ["Offer", "PriceListError", "Product", "laid_out", "read_offer"]

OFFER_CODES = ("AmazonDynamoDB", "AWSLambda")


class PriceListError(ValueError):
    """A file cannot be used as an AWS price list."""


@contextmanager
def laid_out(where: str) -> Iterator[None]:
    """Turn what goes wrong in reading a foreign layout into one sentence that names the place."""
    try:
        yield
    except PriceListError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError, OverflowError) as error:
        raise PriceListError(f"{where} is not laid out as a price list: {shown(error)}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One SKU: what it is, and its on-demand terms as the file has them."""

    sku: str
    family: str
    attributes: Mapping[str, str]
    terms: Mapping[str, Any]
    published: str

    @property
    def effective_date(self) -> date:
        """The day of the file's publication, up to which its prices hold; without one, that of the term."""
        stamp = self.published or str(self._latest_term().get("effectiveDate", ""))
        try:
            return date.fromisoformat(stamp[:10])
        except ValueError:
            raise PriceListError(
                f"SKU {brief(self.sku)} has no date that can be read, got {shown(stamp, 40)}"
            ) from None

    def tiers(self) -> tuple[tuple[Tier, ...], float]:
        """Return the paid tiers, the first from 0, and the amount that a leading tier at zero makes free."""
        steps = sorted(self._step(dimension) for dimension in self._latest_term()["priceDimensions"].values())
        ends = [*(begin for begin, _, _ in steps[1:]), math.inf]
        if not steps or steps[0][0] != 0 or any(step[1] != end for step, end in zip(steps, ends, strict=True)):
            raise PriceListError(f"the tiers of SKU {brief(self.sku)} do not run from 0 to Inf without a gap")
        paid = [step for step in steps if step[2] > 0]
        if not paid or steps[-len(paid) :] != paid:
            raise PriceListError(f"SKU {brief(self.sku)} has no price above zero in its last tier")
        free = paid[0][0]
        first = [(0.0, *paid[0][1:]), *paid[1:]]
        return tuple(Tier(lower=low, upper=high, usd_per_unit=usd) for low, high, usd in first), free

    def free_amount(self) -> float:
        """Return the end of the only tier, of a product that is nothing but a free amount."""
        return max(self._step(dimension)[1] for dimension in self._latest_term()["priceDimensions"].values())

    def _latest_term(self) -> Mapping[str, Any]:
        if not self.terms:
            raise PriceListError(f"SKU {brief(self.sku)} has no on-demand terms; is the file complete?")
        latest: Mapping[str, Any] = max(self.terms.values(), key=lambda term: str(term.get("effectiveDate", "")))
        return latest

    def _step(self, dimension: Mapping[str, Any]) -> tuple[float, float, float]:
        prices = dimension["pricePerUnit"]
        if "USD" not in prices:
            raise PriceListError(
                f"SKU {brief(self.sku)} is priced in {brief(', '.join(prices))}, and bills are made in USD"
            )
        begin = dimension.get("beginRange", dimension.get("startingRange", "0"))
        end = dimension.get("endRange", dimension.get("endingRange", "Inf"))
        return float(begin), float(end), float(prices["USD"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The products of one file, and whether it should hold all that the service has."""

    path: Path
    code: str
    products: tuple[Product, ...]
    is_whole: bool


def read_offer(path: Path) -> Offer:
    """Read one file, of either kind.

    Raises
    ------
    PriceListError
        If it is no complete JSON, holds no products, or is of another service than DynamoDB or Lambda.
    """
    with laid_out(path.name):
        document = _document(path)
        is_whole = isinstance(document, dict) and not {"product", "PriceList"} & document.keys()
        code, products = _bulk_products(path, document) if is_whole else _api_products(path, document)
    if code not in OFFER_CODES:
        raise PriceListError(
            f"{path.name} is of offer {brief(code or 'unknown')}, and only {' and '.join(OFFER_CODES)} are read"
        )
    return Offer(path=path, code=code, products=products, is_whole=is_whole)


def _document(path: Path) -> Any:
    text = text_in(path, "a price list", PriceListError)
    try:
        return json.loads(text)
    except RecursionError:
        raise PriceListError(f"{path.name} is nested too deep to be a price list") from None
    except ValueError:
        lines = [line for line in text.splitlines() if line.strip()]
    try:
        return [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        raise PriceListError(
            f"{path.name} is neither one JSON document nor one on each line: it is truncated, or no price list"
        ) from None


def _bulk_products(path: Path, document: Mapping[str, Any]) -> tuple[str, tuple[Product, ...]]:
    if "products" not in document:
        raise PriceListError(
            f"{path.name} has no products; a region_index.json only names the files, load the index.json of a region"
        )
    terms = document.get("terms", {}).get("OnDemand", {})
    published = document.get("publicationDate", "")
    entries = document["products"].values()
    products = tuple(_product(entry, terms.get(entry["sku"], {}), published) for entry in entries)
    return document.get("offerCode", ""), products


def _api_products(path: Path, document: Any) -> tuple[str, tuple[Product, ...]]:
    if isinstance(document, dict):
        document = document.get("PriceList", [document])
    entries = [json.loads(entry) if isinstance(entry, str) else entry for entry in document]
    codes = sorted({_service_code(entry) for entry in entries})
    if len(codes) != 1:
        raise PriceListError(f"{path.name} must hold products of one service, got {brief(', '.join(codes) or 'none')}")
    return codes[0], tuple(
        _product(entry["product"], entry.get("terms", {}).get("OnDemand", {}), entry.get("publicationDate", ""))
        for entry in entries
    )


def _service_code(entry: Any) -> str:
    if not isinstance(entry, dict) or "product" not in entry:
        return "unknown"
    return str(entry.get("serviceCode") or entry["product"].get("attributes", {}).get("servicecode", "unknown"))


def _product(entry: Mapping[str, Any], terms: Mapping[str, Any], published: str) -> Product:
    return Product(
        sku=entry["sku"],
        family=entry.get("productFamily", ""),
        attributes=entry.get("attributes", {}),
        terms=terms,
        published=published,
    )
