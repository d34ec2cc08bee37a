"""What producers call the columns of events, and what else names of fields tell. Without signs and in lower case."""

from __future__ import annotations

# The last key of a path, or its last two together, without signs and in lower case: what producers call such a thing,
# the likeliest first.
CALLED: dict[str, tuple[str, ...]] = {
    "user_id": (
        *("userid", "uid", "user", "customeruserid", "customerid", "memberid", "distinctid", "visitorid", "clientid"),
        *("anonymousid", "anonid", "userpseudoid", "deviceid", "accountid", "cookieid", "mpid", "ecid", "ecidid"),
        *("mcvisid", "visitorsiteid", "identity", "developeridentity", "adid", "externalid", "customer"),
        *("visitor", "actor", "actorid", "accountname", "remoteuser", "username", "subject", "partyid"),
        *("fullvisitorid", "personid", "profileid", "csusername", "who", "duid", "cid"),
    ),
    "session_id": ("sessionid", "sid", "session", "visitid", "visit", "gasessionid", "usersession", "sessionuuid"),
    "event_type": (
        *("eventtype", "eventname", "event", "evtname", "type", "actionname", "action", "verbid", "verb", "name"),
        *("tealiumevent", "requestmethod", "httpmethod", "reqmethod", "method", "csmethod", "what"),
    ),
    "page_url": (
        *("pageurl", "url", "currenturl", "pagelocation", "urlfull", "href", "requesturi", "uri", "requestpath"),
        *("csuristem", "urlpath", "path", "pagepath", "location"),
    ),
    "product_id": ("productid", "itemid", "sku"),
    "timestamp": (
        *("timestamp", "eventtime", "eventtimestamp", "timestampms", "timestampunixtimems", "time", "timeiso8601"),
        *("ts", "datetime", "hittimegmt", "msec", "occurredat", "happenedat", "startutc", "createdat", "created"),
        *("servertimestamp", "timestampmicros", "timeunixnano", "timelocal", "visitstarttime", "date", "epoch", "when"),
        *("reqtimesec", "at", "occurred"),
    ),
    "device_type": ("devicetype", "devicecategory", "platform"),
    "ip_address": ("ipaddress", "ip", "clientip", "remoteaddr", "remoteip", "requestip", "clienthost", "cip", "cliip"),
    "event_id": ("eventid", "messageid", "uuid", "eventuuid", "insertid", "requestid", "id"),
}
# What names end in where none is one of these: `external_user_id`, `ClientRequestMethod`, `EdgeStartTimestamp`.
ENDINGS: dict[str, tuple[str, ...]] = {
    "user_id": ("userid", "visitorid", "customerid", "memberid", "anonymousid", "clientid", "deviceid", "identity"),
    "event_type": ("eventtype", "eventname", "requestmethod", "event", "detailtype"),
    "timestamp": ("timestamp", "eventtime", "datetime", "time"),
}
MAILS = ("email", "emailaddress", "useremail")  # a visitor where there is no id
# The name of a value's type, around it: as in Avro's JSON, DynamoDB's, OpenTelemetry's, Athena's and BigQuery's.
BOXES = (
    *("value", "stringvalue", "intvalue", "string", "long", "int", "s", "n", "numberlong", "longvalue", "doublevalue"),
    *("varcharvalue", "v"),
)
# What all records of some producers say that they are, beside what happened.
NO_TYPES = (
    *("event", "events", "track", "standard", "custom", "doc"),
    *("notification", "message", "record", "insert", "live"),
)
# An address is a visitor where nothing else is, as in access logs. Many may share it.
ADDRESSES = ("remoteaddr", "remoteip", "clientip", "clienthost", "clientaddr", "cip", "cliip", "ipaddress", "ip")
LISTS = ("events", "batch", "hits", "actions", "records")  # what lists of events are called
