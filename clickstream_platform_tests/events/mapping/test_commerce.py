"""Declared columns at a mapping's paths: every preset's records with the contract ``commerce``, the values by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from clickstream_platform.errors import SettingsError
from clickstream_platform.events.contract.judging import fill_rows
from clickstream_platform.events.contract.written import contract_named
from clickstream_platform.events.mapping.checking import check_records
from clickstream_platform.events.mapping.named import preset, presets
from clickstream_platform.events.parsing import read_records
from clickstream_platform.events.rules import Parse
from clickstream_platform.settings import Settings
from clickstream_platform.tables.events import rules_from
from clickstream_platform_tests.events.mapping.producers import (
    access_log,
    aws_clickstream,
    ga4,
    jitsu,
    posthog,
    rudderstack,
    segment,
    segment_warehouse,
    snowplow,
    snowplow_collector,
    snowplow_tsv,
)
from clickstream_platform_tests.events.mapping.producers.all_of_them import PRODUCERS
from clickstream_platform_tests.events.mapping.producers.reading import come_of

CONTRACT = contract_named("commerce")
assert CONTRACT is not None
NAMES = CONTRACT.names
CAMPAIGN = {"source": "google", "medium": "cpc", "name": "spring"}
FROM_CAMPAIGN = {"campaign_source": "google", "campaign_medium": "cpc", "campaign_name": "spring"}
BASKET = [{"sku": "a", "price": 19.50}, {"sku": "b", "price": 3}]
ORDER = {"order_id": "o-7", "total": 27.5, "revenue": 25, "currency": "USD", "products": BASKET}
OF_ORDER = {"order_id": "o-7", "amount": Decimal("27.5000"), "currency": "USD"}
OF_BASKET = '[{"sku":"a","price":19.5},{"sku":"b","price":3}]'
AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 9_1 like Mac OS X)"
TRANSACTION = "contexts_com_snowplowanalytics_snowplow_ecommerce_transaction_1"
TR = {
    **{"tr_orderid": "o-1", "tr_total": 30.0, "tr_currency": "EUR", "mkt_source": "google", "mkt_medium": "cpc"},
    **{"mkt_campaign": "spring", "page_referrer": "https://a.example/", "useragent": AGENT},
}
OF_TR = {
    **{"order_id": "o-1", "amount": Decimal("30.0000"), "currency": "EUR", **FROM_CAMPAIGN},
    **{"referrer": "https://a.example/", "user_agent": AGENT, "anonymous_id": "bc2e92ec"},
}


def tsv(**more: Any) -> str:
    """A line of the enriched stream, with properties that its other tests have not."""
    at = {"page_referrer": 31, "mkt_medium": 47, "mkt_source": 48, "mkt_campaign": 51, "useragent": 77}
    at |= {"tr_currency": 108}
    texts = snowplow_tsv.line({**snowplow.COMMON, "event": "transaction", **more}).split("\t")
    for name, place in at.items():
        texts[place] = str(more.get(name, ""))
    return "\t".join(texts)


ROWS: dict[str, list[tuple[Any, dict[str, Any]]]] = {
    "segment": [
        (
            segment.call("track", event="Order Completed", properties=ORDER, context={
                **segment.CONTEXT, "campaign": CAMPAIGN, "page": {"referrer": "https://a.example/"}}),
            {**OF_ORDER, **FROM_CAMPAIGN, "items": OF_BASKET, "referrer": "https://a.example/", "user_agent": AGENT,
             "anonymous_id": "507f191e810c19729de860ea"},
        ),
        (
            segment.track("Completed Order", revenue="39.95"),
            {"amount": Decimal("39.9500"), "user_agent": AGENT, "anonymous_id": "507f191e810c19729de860ea"},
        ),
        (segment.track("Product Added", quantity=2) | {"userId": None}, {"quantity": 2, "user_agent": AGENT}),
        (
            segment.track("Order Completed", total=27.5, products=segment.PRODUCTS),
            {"amount": Decimal("27.5000"), "user_agent": AGENT, "anonymous_id": "507f191e810c19729de860ea",
             "items": '[{"price":19.5,"quantity":1},{"product_id":"505bd76","price":3}]'},
        ),
    ],
    "segment_warehouse": [
        (
            segment_warehouse.row(
                event="order_completed", order_id="o-7", total="27.5", currency="USD", products=OF_BASKET,
                context_campaign_source="google", context_campaign_medium="cpc", context_campaign_name="spring",
                context_page_referrer="https://a.example/", context_user_agent=AGENT),
            {**OF_ORDER, **FROM_CAMPAIGN, "items": OF_BASKET,
             "referrer": "https://a.example/", "user_agent": AGENT, "anonymous_id": "anon-7"},
        ),
    ],
    "rudderstack": [
        (
            rudderstack.track("Order Completed", **ORDER),
            {**OF_ORDER, "items": OF_BASKET, "referrer": "$direct", "anonymous_id": "anon-7"},
        ),
        (
            rudderstack.call("page", context={"campaign": CAMPAIGN, "userAgent": AGENT}),
            {**FROM_CAMPAIGN, "user_agent": AGENT, "anonymous_id": "anon-7"},
        ),
    ],
    "jitsu": [
        (
            jitsu.call("track", event="Order Completed", properties=ORDER, context={"userAgent": AGENT}),
            {**OF_ORDER, "items": OF_BASKET, "user_agent": AGENT, "anonymous_id": "f6ps414G"},
        ),
        (
            jitsu.first("conversion", referer="https://a.example/", user_agent=AGENT,
                        utm={"source": "google", "medium": "cpc", "campaign": "spring"},
                        conversion={"transaction_id": 7, "revenue": 25, "currency": "EUR", "tax": 2}),
            {**FROM_CAMPAIGN, "order_id": "7", "amount": Decimal("25.0000"), "currency": "EUR", "user_agent": AGENT,
             "referrer": "https://a.example/", "anonymous_id": "a-1"},
        ),
    ],
    "ga4": [
        (
            ga4.row("purchase", user_id="cust-9", items=[{"item_name": "Hoodie", "quantity": "2"}],
                    event_params=[ga4.param("currency", string_value="EUR"),
                                  ga4.param("page_referrer", string_value="https://a.example/")],
                    ecommerce={"transaction_id": "T-1", "purchase_revenue": 108.0, "total_item_quantity": "2"},
                    collected_traffic_source={"manual_source": "google", "manual_medium": "cpc",
                                              "manual_campaign_name": "spring"}),
            {**FROM_CAMPAIGN, "order_id": "T-1", "amount": Decimal("108.0000"), "currency": "EUR", "quantity": 2,
             "items": '[{"item_name":"Hoodie","quantity":"2"}]', "referrer": "https://a.example/",
             "anonymous_id": "1034563.8342"},
        ),
        (ga4.row("page_view", event_params=[ga4.param("source", string_value="bing")]),
         {"campaign_source": "bing", "items": "[]"}),
    ],
    "snowplow": [
        (snowplow.enriched("transaction", **TR), OF_TR),
        (
            snowplow.unstruct("snowplow_ecommerce_action", **{
                snowplow.ACTION: {"type": "transaction"}, snowplow.PRODUCT: [{"id": "P1", "price": 2.5}, {"id": "P2"}],
                TRANSACTION: [{"transaction_id": "t", "revenue": 9.99, "currency": "EUR", "total_quantity": 3}]}),
            {"order_id": "t", "amount": Decimal("9.9900"), "currency": "EUR", "quantity": 3,
             "items": '[{"price":2.5},{"id":"P2"}]', "anonymous_id": "bc2e92ec"},
        ),
    ],
    "snowplow_tsv": [(tsv(**TR), OF_TR)],
    "snowplow_collector": [
        (
            snowplow_collector.sent("tr", uid="jon", tr_id="o-1", tr_tt="30.00", tr_cu="EUR",
                                    refr="https://a.example/", ua=AGENT),
            {"order_id": "o-1", "amount": Decimal("30.0000"), "currency": "EUR", "referrer": "https://a.example/",
             "user_agent": AGENT, "anonymous_id": "85094061"},
        ),
        (
            snowplow_collector.sent("ti", uid="jon", ti_id="o-1", ti_sk="s", ti_qu="2", ti_cu="EUR"),
            {"order_id": "o-1", "currency": "EUR", "quantity": 2, "anonymous_id": "85094061"},
        ),
    ],
    "posthog": [
        (
            posthog.captured("Order Completed", **ORDER, utm_source="google", utm_medium="cpc", utm_campaign="spring",
                             **{"$referrer": "https://a.example/", "$raw_user_agent": AGENT, "$device_id": "d-1"}),
            {**OF_ORDER, **FROM_CAMPAIGN, "items": OF_BASKET, "referrer": "https://a.example/", "user_agent": AGENT,
             "anonymous_id": "d-1"},
        ),
    ],
    "aws_clickstream": [
        (
            aws_clickstream.sent("purchase", items=[{"name": "Nike", "price": 279.9}], attributes={
                "_page_referrer": "https://a.example/", "_traffic_source_source": "google",
                "_traffic_source_medium": "cpc", "_traffic_source_campaign": "spring",
                "_value": 279.9, "_currency": "USD"}),
            {**FROM_CAMPAIGN, "amount": Decimal("279.9000"), "currency": "USD",
             "referrer": "https://a.example/", "items": '[{"name":"Nike","price":279.9}]',
             "anonymous_id": "c84ad28d"},
        ),
        (
            aws_clickstream.row("x", user_id="u", page_view_page_referrer="https://a.example/",
                                traffic_source_source="b"),
            {"referrer": "https://a.example/", "campaign_source": "b", "anonymous_id": "c84ad28d"},
        ),
    ],
    "access_log": [
        (
            access_log.common("GET / HTTP/1.1", end=f"200 12 {access_log.BROWSER}"),
            {"referrer": "http://www.example.com/start.html", "user_agent": "Mozilla/4.08 [en] (Win98; I ;Nav)"},
        ),
        (access_log.common("GET / HTTP/1.1", end='200 12 "-" "-"'), {}),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", presets())
def test_the_columns_of_commerce_are_what_was_written_down_by_hand(name: str) -> None:
    records = [record for record, _ in ROWS[name]]
    for found, (_, expected) in zip(come_of(name, records, contract="commerce"), ROWS[name], strict=True):
        assert found["reasons"] == []
        assert {each: found[each] for each in NAMES if found[each] is not None} == expected


@pytest.mark.parametrize("name", presets())
def test_with_commerce_the_other_columns_stay_and_filling_gives_the_same(name: str) -> None:
    records = [record for record, _ in [*PRODUCERS[name].ROWS, PRODUCERS[name].HOSTILE, *ROWS[name]]]
    without, at_once = come_of(name, records), come_of(name, records, contract="commerce")
    others = [each for each in without[0] if each not in ("extra", "violations")]
    assert [[row[each] for each in others] for row in at_once] == [[row[each] for each in others] for row in without]
    contract = rules_from(Settings(mapping=name, contract="commerce")).contract
    assert contract is not None
    rows = pa.table({each: pa.array([row[each] for row in without], pa.string()) for each in ("extra", "event_type")})
    later = fill_rows(contract, rows).rows.to_pylist()
    assert [[row[each] for each in ("extra", *NAMES)] for row in later] == [
        [row[each] for each in ("extra", *NAMES)] for row in at_once
    ]


@pytest.mark.parametrize("name", presets())
def test_a_preset_says_of_no_other_column_than_those_of_commerce_where_it_is(name: str) -> None:
    assert {column for column, _ in preset(name).declared} <= {*NAMES}
    assert preset(name).declared


MINE = """
[columns]
user_id = "who"
event_type = "what"
timestamp = "when"
"""
CONTRACT_OF_MINE = '[columns.width]\ntype = "integer"\n[columns.colour]\ntype = "text"\n'


def mine(folder: Path, *lines: str, contract: str = CONTRACT_OF_MINE) -> Settings:
    (folder / "mine.toml").write_text(MINE + "\n".join(lines))
    (folder / "contract.toml").write_text(contract)
    declared = str(folder / "contract.toml") if contract else ""
    return Settings.model_validate({"mapping": str(folder / "mine.toml"), "contract": declared})


def test_a_declared_column_that_holds_visitors_is_known_as_such_to_forget() -> None:
    assert Parse(rules_from(Settings(mapping="segment", contract="commerce"))).visitor_columns == ("anonymous_id",)
    assert Parse(rules_from(Settings(mapping="access_log", contract="commerce"))).visitor_columns == ()


def test_a_file_says_where_a_declared_column_is_and_check_counts_its_paths(tmp_path: Path) -> None:
    rules = rules_from(mine(tmp_path, 'width = ["shirt.size", "s"]'))
    records = [b'{"who":"u","what":"click","when":1,"shirt":{"size":"7","fit":1},"colour":"red"}', b'{"s":8}']
    at = pa.array([1_800_000_000_000_000] * 2, pa.timestamp("us", "UTC"))
    row, _ = read_records(pa.array(records), at, pa.nulls(2, pa.binary()), rules).to_pylist()
    assert (row["width"], row["colour"], row["extra"]) == (7, "red", '{"shirt":{"fit":1}}')
    place = {
        "partition": ["f"] * 2,
        "offset": [0, 1],
        "value": records,
        "size": [9, 9],
        "event_id": pa.nulls(2, pa.binary()),
    }
    found = check_records([pa.RecordBatch.from_pydict({**place, "arrived_at": at})], rules)
    assert found.paths["width"] == {"shirt.size": 1, "s": 1}
    assert ("colour", '"colour"') not in found.never


@pytest.mark.parametrize(
    ("line", "contract", "finding"),
    [
        ('widht = ["s"]', CONTRACT_OF_MINE, "events has no column 'widht'; say width"),
        ('width = ["s"]', "", "events has no column 'width'"),
        ('width = {from = ["s"], type = "integer"}', CONTRACT_OF_MINE, "said by the contract"),
        ('width = ["s["]', CONTRACT_OF_MINE, "is no path"),
        ('width = ["s", "s"]', CONTRACT_OF_MINE, "has a path twice"),
        ('width = ["a.b"]\ncolour = ["a"]', CONTRACT_OF_MINE, "colour and width both take what is at a"),
        ('width = ["colour"]', CONTRACT_OF_MINE, "both take what is at"),
    ],
)
def test_a_file_that_contradicts_the_contract_is_refused(
    tmp_path: Path, line: str, contract: str, finding: str
) -> None:
    with pytest.raises(SettingsError, match=finding):
        rules_from(mine(tmp_path, line, contract=contract))
