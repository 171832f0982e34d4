"""Reading AWS's price files: built here in the shape of the real ones, traps included."""

from __future__ import annotations

import json
import math
from datetime import date

import pytest

from ddbsim.aws.prices import MissingPriceError, PriceListError, load_price_list, shipped_price_list

ON_DEMAND = "Amazon DynamoDB PayPerRequest Throughput"
STORED = "Amazon DynamoDB - Indexed DataStore"


def product(sku, usage_type, *steps, family="", group="", volume="", region="eu-west-1", currency="USD", **more):
    """Return one SKU with its terms; steps are (begin, end, price), all as the strings that files hold."""
    attributes = {"usagetype": usage_type, "regionCode": region, "group": group, "volumeType": volume}
    dimensions = {
        f"{sku}.JRTCKXETXF.{number}": {
            "rateCode": f"{sku}.JRTCKXETXF.{number}",
            "beginRange": begin,
            "endRange": end,
            "pricePerUnit": {currency: usd},
            "appliesTo": [],
        }
        for number, (begin, end, usd) in enumerate(steps)
    }
    return {
        "sku": sku,
        "productFamily": family,
        "attributes": {key: value for key, value in attributes.items() if value} | more,
        "terms": {f"{sku}.JRTCKXETXF": {"effectiveDate": "2026-09-01T00:00:00Z", "priceDimensions": dimensions}},
    }


def one(usd):
    return ("0", "Inf", usd)


def dynamodb_products():
    return [
        # the free hours stand second, as map order is arbitrary
        product(
            "WCU",
            "EU-WriteCapacityUnit-Hrs",
            ("18600", "Inf", "0.0007350000"),
            ("0", "18600", "0.0000000000"),
            family="Provisioned IOPS",
            group="DDB-WriteUnits",
        ),
        product("WRU", "EU-WriteRequestUnits", one("0.0000007068"), family=ON_DEMAND, group="DDB-WriteUnits"),
        product("RRU", "EU-ReadRequestUnits", one("0.0000001415"), family=ON_DEMAND, group="DDB-ReadUnits"),
        product("RCU", "EU-ReadCapacityUnit-Hrs", one("0.000147"), family="Provisioned IOPS", group="DDB-ReadUnits"),
        product("IAW", "EU-IA-WriteRequestUnits", one("0.00000088"), family=ON_DEMAND, group="DDB-WriteUnitsIA"),
        product(
            "RW", "EU-ReplWriteRequestUnits", one("0.00000071"), family=ON_DEMAND, group="DDB-ReplicatedWriteUnits"
        ),
        product(
            "RWCU",
            "EU-ReplWriteCapacityUnit-Hrs",
            one("0.00074"),
            family="DDB-Operation-ReplicatedWrite",
            group="DDB-ReplicatedWriteUnits",
        ),
        product(
            "GB",
            "EU-TimedStorage-ByteHrs",
            ("0", "25", "0.0000000000"),
            ("25", "Inf", "0.2830000000"),
            family="Database Storage",
            volume=STORED,
        ),
        product("IAGB", "EU-IA-TimedStorage-ByteHrs", one("0.114"), family="Database Storage", volume=f"{STORED} - IA"),
        product(
            "SRRU",
            "EU-Streams-Requests",
            ("0", "2500000", "0.0000000000"),
            ("2500000", "Inf", "0.0000002200"),
            family="API Request",
            group="DDB-StreamsReadRequests",
        ),
        product("CDC", "EU-ChangeDataCaptureUnits-Kinesis", one("0.00000011"), group="DDB-Kinesis"),
        # newer things, without a group, are not simulated
        product("VEC", "EU-VectorSearchUnits", one("0.5"), family="Amazon DynamoDB Vector Search"),
    ]


def lambda_products():
    duration = [("0", "6000000000", "0.0000166667"), ("6000000000", "15000000000", "0.000015")]
    duration.append(("15000000000", "Inf", "0.0000133334"))
    serverless = {"family": "Serverless"}
    return [
        product("REQ", "EU-Request", one("0.0000002"), group="AWS-Lambda-Requests", **serverless),
        product("REQA", "EU-Request-ARM", one("0.0000003"), group="AWS-Lambda-Requests-ARM", **serverless),
        product("DUR", "EU-Lambda-GB-Second", *duration[::-1], group="AWS-Lambda-Duration", **serverless),
        product("DURA", "EU-Lambda-GB-Second-ARM", one("0.000013"), group="AWS-Lambda-Duration-ARM", **serverless),
        product(
            "TMP", "EU-Lambda-Storage-GB-Second", one("0.000000034"), group="AWS-Lambda-Storage-Duration", **serverless
        ),
        product(
            "PC",
            "EU-Lambda-Provisioned-Concurrency",
            one("0.0000042"),
            group="AWS-Lambda-Provisioned-Concurrency",
            **serverless,
        ),
        product(
            "PD",
            "EU-Lambda-Provisioned-GB-Second-ARM",
            one("0.0000078"),
            group="AWS-Lambda-Duration-Provisioned-ARM",
            **serverless,
        ),
        product("EDGE", "EU-Lambda-Edge-Request", one("0.0000006"), group="AWS-Lambda-Edge-Requests", **serverless),
        # free amounts are products of no region, in the groups of the paid ones
        product(
            "FREEREQ", "Global-Request", ("0", "2000000", "0"), region="", group="AWS-Lambda-Requests", **serverless
        ),
        product(
            "FREEDUR",
            "Global-Lambda-GB-Second",
            ("0", "500000", "0"),
            region="",
            group="AWS-Lambda-Duration",
            **serverless,
        ),
    ]


def offer(products, code="AmazonDynamoDB"):
    bare = {entry["sku"]: {key: entry[key] for key in ("sku", "productFamily", "attributes")} for entry in products}
    terms = {entry["sku"]: entry["terms"] for entry in products}
    return {
        "formatVersion": "v1.0",
        "offerCode": code,
        "version": "20260911124422",
        "publicationDate": "2026-09-11T12:44:22Z",
        "products": bare,
        # reserved terms of the same SKUs are other prices
        "terms": {"OnDemand": terms, "Reserved": {"WCU": {"WCU.X": {"priceDimensions": {}}}}},
    }


def api_line(entry, code="AmazonDynamoDB"):
    bare = {key: entry[key] for key in ("sku", "productFamily", "attributes")}
    line = {"product": bare, "serviceCode": code, "terms": {"OnDemand": entry["terms"]}}
    return json.dumps(line | {"version": "20260911124422", "publicationDate": "2026-09-11T12:44:22Z"})


@pytest.fixture
def saved(tmp_path):
    """Return a function that writes a document, or a text as it is, and returns its path."""

    def save(document, name="index.json"):
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
        return path

    return save


@pytest.mark.parametrize(
    ("component", "usd", "free"),
    [
        ("write_request_units", 0.0000007068, 0),
        ("read_request_units", 0.0000001415, 0),
        ("write_capacity_unit_hours", 0.000735, 18_600),
        ("read_capacity_unit_hours", 0.000147, 0),
        ("standard_ia_write_request_units", 0.00000088, 0),
        ("replicated_write_request_units", 0.00000071, 0),
        ("replicated_write_capacity_unit_hours", 0.00074, 0),
        ("storage_gb_months", 0.283, 25),
        ("standard_ia_storage_gb_months", 0.114, 0),
        ("stream_read_request_units", 0.00000022, 2_500_000),
        ("kinesis_change_data_capture_units", 0.00000011, 0),
    ],
)
def test_each_product_of_a_dynamodb_file_becomes_its_component(saved, component, usd, free):
    price = load_price_list(saved(offer(dynamodb_products()))).price("eu-west-1", component)
    assert [(tier.lower, tier.upper, tier.usd_per_unit) for tier in price.tiers] == [(0, math.inf, usd)]
    assert price.free_per_month == free
    assert price.status == "documented"
    assert price.effective_date == date(2026, 9, 11)
    assert price.source.startswith("AWS price list AmazonDynamoDB, file index.json, SKU ")


def test_the_order_of_products_makes_no_difference(saved):
    forth = load_price_list(saved(offer(dynamodb_products())))
    assert load_price_list(saved(offer(dynamodb_products()[::-1]))) == forth


def test_a_free_tier_is_billed_when_it_is_not_taken(saved):
    price = load_price_list(saved(offer(dynamodb_products()))).price("eu-west-1", "stream_read_request_units")
    assert price.cost(3_000_000) == pytest.approx(0.66)
    assert price.cost(3_000_000, free_tier=True) == pytest.approx(0.11)


def test_lambda_tiers_and_free_amounts_are_read(saved):
    held = load_price_list(saved(offer(lambda_products(), "AWSLambda")))
    duration = held.price("eu-west-1", "lambda_gb_seconds_x86_64")
    assert [tier.usd_per_unit for tier in duration.tiers] == [0.0000166667, 0.000015, 0.0000133334]
    assert [tier.upper for tier in duration.tiers] == [6e9, 15e9, math.inf]
    assert duration.free_per_month == 500_000
    assert held.price("eu-west-1", "lambda_gb_seconds_arm64").free_per_month == 500_000
    assert held.price("eu-west-1", "lambda_requests").free_per_month == 2_000_000
    assert held.price("eu-west-1", "lambda_requests").tiers[0].usd_per_unit == 0.0000002
    assert held.price("eu-west-1", "lambda_ephemeral_gb_seconds").tiers[0].usd_per_unit == 0.000000034
    concurrency = held.price("eu-west-1", "lambda_provisioned_concurrency_gb_seconds_x86_64")
    assert (concurrency.tiers[0].usd_per_unit, concurrency.free_per_month) == (0.0000042, 0)
    provisioned = held.price("eu-west-1", "lambda_provisioned_duration_gb_seconds_arm64")
    assert provisioned.tiers[0].usd_per_unit == 0.0000078


def test_a_lambda_file_without_free_amounts_keeps_the_shipped_ones(saved):
    paid = [entry for entry in lambda_products() if not entry["sku"].startswith("FREE")]
    endless = product("FREEREQ", "Global-Request", one("0"), region="", family="Serverless")
    for products in (paid, [*paid, endless]):
        held = load_price_list(saved(offer(products, "AWSLambda")))
        assert held.price("eu-west-1", "lambda_requests").free_per_month == 1_000_000


def test_what_the_files_do_not_hold_stays_as_shipped(saved):
    held = load_price_list(saved(offer(dynamodb_products())))
    for region, component in (("eu-west-1", "lambda_requests"), ("us-east-1", "write_request_units")):
        assert held.price(region, component) == shipped_price_list().price(region, component)


def test_two_files_are_laid_over_each_other(saved):
    dynamodb = saved(offer(dynamodb_products()), "dynamodb.json")
    held = load_price_list(dynamodb, saved(offer(lambda_products(), "AWSLambda"), "lambda.json"))
    assert "dynamodb.json" in held.price("eu-west-1", "write_request_units").source
    assert "lambda.json" in held.price("eu-west-1", "lambda_requests").source


def test_a_region_that_only_the_file_knows_has_only_its_prices(saved):
    products = [
        entry | {"attributes": entry["attributes"] | {"regionCode": "eu-north-1"}} for entry in dynamodb_products()
    ]
    held = load_price_list(saved(offer(products)))
    assert held.price("eu-north-1", "storage_gb_months").free_per_month == 25
    with pytest.raises(MissingPriceError, match="no price of 'lambda_requests' in eu-north-1"):
        held.price("eu-north-1", "lambda_requests")


def all_regions():
    """Return a file of two regions, us-east-1 without a prefix and told by nothing else."""
    virginia = product(
        "USW", "WriteRequestUnits", one("0.000000625"), region="", family=ON_DEMAND, group="DDB-WriteUnits"
    )
    return offer([*dynamodb_products(), virginia])


def test_a_product_without_a_region_code_is_told_by_the_prefix_of_its_usage_type(saved):
    held = load_price_list(saved(all_regions()))
    assert held.price("us-east-1", "write_request_units").status == "documented"
    ireland = dynamodb_products()
    for entry in ireland:
        del entry["attributes"]["regionCode"]
    assert load_price_list(saved(offer(ireland))).price("eu-west-1", "storage_gb_months").status == "documented"


def test_region_takes_only_its_prices_from_the_file(saved):
    held = load_price_list(saved(all_regions()), region="eu-west-1")
    assert held.price("us-east-1", "write_request_units").status == "measured"
    assert held.price("eu-west-1", "write_request_units").status == "documented"


@pytest.mark.parametrize("layout", ["lines", "one product", "list of texts", "response"])
def test_products_of_the_api_are_read_in_every_form(saved, layout):
    lines = [api_line(entry) for entry in dynamodb_products()]
    document = {
        "lines": "\n".join(lines) + "\n",
        "one product": lines[0],
        "list of texts": lines,
        "response": {"FormatVersion": "aws_v1", "PriceList": lines},
    }[layout]
    price = load_price_list(saved(document)).price("eu-west-1", "write_capacity_unit_hours")
    assert price.tiers[0].usd_per_unit == 0.000735
    assert price.free_per_month == 18_600
    assert price.effective_date == date(2026, 9, 11)


def test_the_latest_of_several_terms_holds(saved):
    writes = dynamodb_products()[1]
    old = json.loads(json.dumps(writes["terms"]["WRU.JRTCKXETXF"]).replace("2026-09-01", "2024-01-01"))
    old["priceDimensions"]["WRU.JRTCKXETXF.0"]["pricePerUnit"]["USD"] = "0.0000014135"
    writes["terms"] = {"WRU.NEWER": writes["terms"]["WRU.JRTCKXETXF"], "WRU.OLDER": old}
    price = load_price_list(saved(api_line(writes))).price("eu-west-1", "write_request_units")
    assert price.tiers[0].usd_per_unit == 0.0000007068


def test_without_a_publication_date_the_term_tells_the_date(saved):
    document = offer(dynamodb_products())
    del document["publicationDate"]
    assert load_price_list(saved(document)).price("eu-west-1", "storage_gb_months").effective_date == date(2026, 9, 1)


def changed(sku, **change):
    """Return the DynamoDB file with one product's terms or attributes changed."""
    products = dynamodb_products()
    position = next(number for number, entry in enumerate(products) if entry["sku"] == sku)
    products[position] = products[position] | change
    return offer(products)


REFUSED = {
    "truncated": (
        json.dumps(offer(dynamodb_products()))[:-40],
        "index.json is neither one JSON document nor one on each",
    ),
    "truncated lines": (
        "\n".join(map(api_line, dynamodb_products()))[:-40],
        "neither one JSON document nor one on each line: it is truncated, or no price list",
    ),
    "empty": ("", "index.json must hold products of one service, got none"),
    "another offer": (
        offer(dynamodb_products(), "AmazonS3"),
        "index.json is of offer AmazonS3, and only AmazonDynamoDB and AWSLambda are read",
    ),
    "another offer's product": (api_line(dynamodb_products()[0], "AmazonS3"), "is of offer AmazonS3, and only"),
    "two offers": (
        "\n".join([api_line(dynamodb_products()[0]), api_line(lambda_products()[0], "AWSLambda")]),
        "must hold products of one service, got AWSLambda, AmazonDynamoDB",
    ),
    "index of regions": (
        {"offerCode": "AmazonDynamoDB", "regions": {"eu-west-1": {}}},
        "has no products; a region_index.json only names the files",
    ),
    "another JSON": ([1, 2], "index.json is not laid out as a price list: TypeError"),
    "a file of prices of another kind": ({"product": {}}, "index.json is not laid out as a price list: KeyError"),
    "yuan": (
        changed("WRU", terms=product("WRU", "", one("0.000005"), currency="CNY")["terms"]),
        "SKU WRU is priced in CNY, and bills are made in USD",
    ),
    "group missing": (
        offer([entry for entry in dynamodb_products() if entry["sku"] not in ("WRU", "SRRU")]),
        "index.json has no product for write_request_units, stream_read_request_units",
    ),
    "nothing known": (api_line(dynamodb_products()[-1]), "index.json has no product for any known component"),
    "terms missing": (changed("WRU", terms={}), "SKU WRU has no on-demand terms; is the file complete"),
    "only a free tier": (
        changed("GB", terms=product("GB", "", one("0.0000000000"))["terms"]),
        "SKU GB has no price above zero in its last tier",
    ),
    "a gap": (
        changed("GB", terms=product("GB", "", ("0", "25", "0"), ("30", "Inf", "0.2"))["terms"]),
        "the tiers of SKU GB do not run from 0 to Inf without a gap",
    ),
    "no end": (
        changed("GB", terms=product("GB", "", ("0", "25", "0"), ("25", "99", "0.2"))["terms"]),
        "the tiers of SKU GB do not run from 0 to Inf without a gap",
    ),
    "no dimensions": (
        changed("GB", terms={"GB.X": {"effectiveDate": "2026-09-01"}}),
        "index.json at SKU GB is not laid out as a price list: KeyError",
    ),
    "no date": (
        offer(dynamodb_products()) | {"publicationDate": "today"},
        "SKU WCU has no date that can be read, got 'today'",
    ),
    "two prices": (
        offer(
            [
                *dynamodb_products(),
                dynamodb_products()[1] | {"sku": "WRU2"} | {"terms": dynamodb_products()[2]["terms"]},
            ]
        ),
        "index.json has two different prices of write_request_units in eu-west-1",
    ),
    "no region": (
        changed("WRU", attributes={"usagetype": "XX9-WriteRequestUnits", "group": "DDB-WriteUnits"}),
        "index.json does not say of which region SKU WRU is",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_be_trusted_is_refused_in_one_sentence(saved, case):
    document, message = REFUSED[case]
    with pytest.raises(PriceListError, match=message):
        load_price_list(saved(document))


def test_a_price_that_is_no_number_is_refused(saved):
    document = changed("GB", terms=product("GB", "", one("free"))["terms"])
    with pytest.raises(PriceListError, match=r"index.json at SKU GB is not laid out as a price list: ValueError"):
        load_price_list(saved(document))


def test_a_region_that_the_file_does_not_have_is_refused_with_those_it_has(saved):
    with pytest.raises(
        PriceListError, match=r"index.json has no prices of region sa-east-1, only of eu-west-1, us-east-1"
    ):
        load_price_list(saved(all_regions()), region="sa-east-1")


def test_a_region_of_which_the_file_lacks_a_price_is_refused(saved):
    with pytest.raises(PriceListError, match="has no product for read_request_units, write_capacity_unit_hours"):
        load_price_list(saved(all_regions()), region="us-east-1")


def test_no_path_is_refused():
    with pytest.raises(ValueError, match="load_price_list needs the path of at least one price file, got none"):
        load_price_list()


HOSTILE = {
    "nested lists": "[" * 100_000,
    "nested objects": '{"products":' * 100_000,
    "a number of 5,000 digits": '{"products": ' + "9" * 5_000 + "}",
    "products of numbers": '{"products": {"a": 1}, "offerCode": "AmazonDynamoDB"}',
    "a long text": json.dumps({"products": {"a": {"sku": "x" * 10**5}}, "offerCode": "y" * 10**5}),
    "passwd": "root:x:0:0:root:/root:/bin/bash\n",
    "nothing": "",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_in_a_short_sentence(tmp_path, text):
    path = tmp_path / "index.json"
    path.write_text(text)
    with pytest.raises(PriceListError) as error:
        load_price_list(path)
    assert len(str(error.value)) < 500
    assert str(error.value).isprintable()
    assert "root:x" not in str(error.value)


def test_no_address_is_opened_and_no_device_is_read(tmp_path):
    with pytest.raises(PriceListError, match="must be the path of a file here, and is not fetched from elsewhere"):
        load_price_list("https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/index.json")
    for path in ("/dev/zero", tmp_path, tmp_path / "nowhere"):
        with pytest.raises(PriceListError, match="a price list must be a readable UTF-8 text file, got: "):
            load_price_list(path)
