"""Reads a `PriceList` from AWS's own price files."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from ddbsim.checks.arguments import checked
from ddbsim.checks.bounds import local_path
from ddbsim.checks.wording import brief

from .components import COMPONENTS
from .matching import component_of, freed_components, region_of
from .offers import Offer, PriceListError, Product, laid_out, read_offer
from .price import Price
from .price_list import PriceList
from .shipped import shipped_price_list

__all__ = ["load_price_list"]

# without these a whole offer file is not the file that one meant to load
NEEDED = {
    "AmazonDynamoDB": (
        "write_request_units",
        "read_request_units",
        "write_capacity_unit_hours",
        "read_capacity_unit_hours",
        "storage_gb_months",
        "stream_read_request_units",
    ),
    "AWSLambda": ("lambda_requests", "lambda_gb_seconds_x86_64"),
}


@checked
def load_price_list(*paths: str | os.PathLike[str], region: str | None = None) -> PriceList:
    """Read the prices of AWS's own files, laid over those that come with the package.

    A price that no file holds stays the package's; the `source` of each price says which of the two it is from. A
    region that only the files know has only their prices, and asking for another raises `MissingPriceError`.

    Parameters
    ----------
    *paths
        Offer files of AmazonDynamoDB or AWSLambda (index.json of all regions or of one), or products of the GetProducts
        API, one JSON text per line. Of the same price in two files, the later file's holds.
    region
        Take only this region's prices from the files; None takes all.

    Returns
    -------
    PriceList
        Prices from files are "documented", and their date is that of the file's publication.

    Raises
    ------
    PriceListError
        If a file is truncated, of another service, in another currency, without the prices that such a file has, or has
        nothing on `region`.

    Notes
    -----
    Offer files: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
    """
    if not paths:
        raise ValueError("load_price_list needs the path of at least one price file, got none")
    files = [Path(local_path("load_price_list: each path", path, kind=PriceListError)) for path in paths]
    loaded = (price for path in files for price in _prices_in(read_offer(path), region))
    return shipped_price_list().merged(PriceList.of(loaded))


def _prices_in(offer: Offer, region: str | None) -> list[Price]:
    """Return the prices of one file, each once."""
    found: dict[tuple[str, str], Price] = {}
    for product in offer.products:
        price = _price_of(product, offer, region)
        if price is None:
            continue
        twin = found.setdefault((price.region, price.component), price)
        if (twin.tiers, twin.free_per_month) != (price.tiers, price.free_per_month):
            raise PriceListError(f"{offer.path.name} has two different prices of {price.component} in {price.region}")
    _check_complete(offer, found.values(), region)
    return _with_free_amounts(offer, found.values())


def _price_of(product: Product, offer: Offer, region: str | None) -> Price | None:
    """Return the price that a product is, or None for one that is not simulated or of another region."""
    component = component_of(product)
    where = region_of(product)
    if component is None or region not in (None, where):
        return None
    if not where:
        raise PriceListError(f"{offer.path.name} does not say of which region SKU {brief(product.sku)} is")
    with laid_out(f"{offer.path.name} at SKU {brief(product.sku)}"):
        tiers, free = product.tiers()
    return Price(
        component=component,
        region=where,
        unit=COMPONENTS[component].unit,
        tiers=tiers,
        free_per_month=free,
        source=f"AWS price list {offer.code}, file {offer.path.name}, SKU {product.sku}",
        effective_date=product.effective_date,
        status="documented",
    )


def _check_complete(offer: Offer, prices: Collection[Price], region: str | None) -> None:
    if region is not None and not prices:
        there = ", ".join(sorted({region_of(product) for product in offer.products if component_of(product)}))
        raise PriceListError(f"{offer.path.name} has no prices of region {region}, only of {there or 'none'}")
    held = {price.component for price in prices}
    missing = [component for component in NEEDED[offer.code] if component not in held] if offer.is_whole else []
    if missing or not held:
        raise PriceListError(f"{offer.path.name} has no product for {', '.join(missing) or 'any known component'}")


def _with_free_amounts(offer: Offer, prices: Iterable[Price]) -> list[Price]:
    """Return the prices with the free amounts that Lambda's files state apart, or else the package's."""
    if offer.code != "AWSLambda":
        return list(prices)
    free = {price.component: price.free_per_month for price in shipped_price_list().by_region["us-east-1"].values()}
    for product in offer.products:
        for component in freed_components(product):
            with laid_out(f"{offer.path.name} at SKU {brief(product.sku)}"):
                amount = product.free_amount()
            if math.isfinite(amount):  # a free product without an end states no amount
                free[component] = amount
    return [replace(price, free_per_month=free[price.component]) for price in prices]
