"""Texts with secrets: in every encoding, and in every place that holds one."""

import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

Encoding = Callable[[str], str]


def escaped_in_json(character: str) -> str:
    """Return a character as the escapes of its UTF-16 units."""
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def escaped_in_python(character: str) -> str:
    """Return a character as `repr` writes those that cannot be printed."""
    return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\U{ord(character):08x}"


def referenced(text: str, form: str) -> str:
    """Return a text as character references; HTML has none of control characters."""
    return "".join(form.format(ord(each)) if each.isprintable() else each for each in text)


ENCODINGS: dict[str, Encoding] = {
    "plain": str,
    "percent": lambda text: quote(text, safe=""),
    "some percent": lambda text: quote(text, safe="!$&'()*+,;=:@/?~"),
    "lower-case percent": lambda text: quote(text, safe="").replace("%2F", "%2f").replace("%3D", "%3d"),
    "form": quote_plus,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "HTML": html.escape,
    "HTML of templates": lambda text: html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
    "JSON escapes alone": lambda text: "".join(map(escaped_in_json, text)),
    "Python's escapes alone": lambda text: "".join(map(escaped_in_python, text)),
    "HTML references alone": lambda text: referenced(text, "&#{};"),
    "hexadecimal HTML references": lambda text: referenced(text, "&#x{:X};"),
    "percent alone": lambda text: "".join(f"%{each:02X}" for each in text.encode()),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in capital letters": lambda text: text.encode().hex().upper(),
    "hexadecimal after a name": lambda text: f"u:{text}".encode().hex(),
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: urlsafe_b64encode(text.encode()).decode(),
    "base64 after one byte": lambda text: b64encode(b" " + text.encode() + b" ").decode(),
    "base64 after two bytes": lambda text: b64encode(b"u:" + text.encode()).decode(),
}
SHORT = ("test", "x", "admin", "contract", "20261127", "pass word", 'in\\ner"pass', "ü&<=%41^'")
PLACES: dict[str, tuple[str, str]] = {
    "JSON": ('{"user_password": %j, "note": "kept"}', '{"user_password": "***", "note": "kept"}'),
    "JSON in JSON": (
        '{"instance_metadata": %J, "note": "kept"}',
        '{"instance_metadata": "{\\"Password\\": \\"***\\", \\"note\\": \\"kept\\"}", "note": "kept"}',
    ),
    "JSON with both values": (
        '{"token": {"display_value": %j, "value": [%j]}, "note": "kept"}',
        '{"token": "***", "note": "kept"}',
    ),
    "JSON with single quotes": ("{'client_secret': %j, 'note': 'kept'}", "{'client_secret': \"***\", 'note': 'kept'}"),
    "a secret key": ('{"SecretKey": %j, "Key": "kept"}', '{"SecretKey": "***", "Key": "kept"}'),
    "JSON that is cut": ('{"note": "kept", "api_key": %j', '{"note": "kept", "api_key": "***"'),
    "key of several words": ('{"Client Secret": %j, "note": "kept"}', '{"Client Secret": "***", "note": "kept"}'),
    "form": ("grant_type=password&password=%f&user=kept", "grant_type=password&password=***&user=kept"),
    "form with brackets": ("user[password]=%f&user[name]=kept", "user[password]=***&user[name]=kept"),
    "query": ("/x?access_token=%f&kept=1", "/x?access_token=***&kept=1"),
    "address": ("https://admin:%f@kept.example/", "https://admin:***@kept.example/"),
    "XML": ("<a><user_password>%h</user_password>kept</a>", "<a><user_password>***</user_password>kept</a>"),
    "XML with attributes": ('<n:secret a="%h">%h</n:secret>kept', "<n:secret ***>***</n:secret>kept"),
    "XML over lines": ("<secret\n>%h</secret>kept", "<secret\n>***</secret>kept"),
    "attributes of an empty element": ('<kept><secret a="%h"/></kept>', "<kept><secret ***></kept>"),
    "XML without end": ("<kept><user_password>%h", "<kept><user_password>***"),
    "attribute": ('<user password="%h" name="kept">', '<user password="***" name="kept">'),
    "header": ("curl -H 'X-UserToken: %b' kept", "curl -H 'X-UserToken:***' kept"),
    "header on a line": ("Authorization: Basic %b\r\nkept", "Authorization:***\r\nkept"),
    "scheme": ("sent Basic %b and kept", "sent Basic *** and kept"),
    "headers of a batch": (
        '[{"name":"Authorization","value":%j},{"name":"kept","value":"kept"}]',
        '[{"name":"Authorization","value":"***"},{"name":"kept","value":"kept"}]',
    ),
    "headers the other way round": (
        '[{"value":%j, "name":"Cookie"},{"value":"kept","name":"kept"}]',
        '[{"value":"***", "name":"Cookie"},{"value":"kept","name":"kept"}]',
    ),
    "headers as a list": ('[["Authorization", %j], ["kept", "kept"]]', '[["Authorization", "***"], ["kept", "kept"]]'),
    "part of a form": (
        'Content-Disposition: form-data; name="password"\r\n\r\n%s\r\n--boundary\r\nkept',
        'Content-Disposition: form-data; name="password"\r\n\r\n***\r\n--boundary\r\nkept',
    ),
    "last part of a form": (
        "Content-Disposition: form-data; name=client_secret\r\n\r\n%s",
        "Content-Disposition: form-data; name=client_secret\r\n\r\n***",
    ),
    "encoded query": (
        "/x?sysparm_query=name=kept^user.user_password=%q^active=true",
        "/x?sysparm_query=name=kept^user.user_password=***^active=true",
    ),
    "encoded query in percent escapes": (
        "/x?sysparm_query=name%3Dkept%5Euser_password%3D%q%5Eactive%3Dtrue",
        "/x?sysparm_query=name%3Dkept%5Euser_password%3D***%5Eactive%3Dtrue",
    ),
    "encoded query, half escaped": (
        "/x?sysparm_query=a=b%5Epassword=%q%5Ekept=1",
        "/x?sysparm_query=a=b%5Epassword=***%5Ekept=1",
    ),
    "operator in letters": ("/x?q=secretSTARTSWITH%q^kept=1", "/x?q=secretSTARTSWITH***^kept=1"),
    "operators after a connector": (
        "/x?q=a=1^ORsecretIN%q^NQtokenSTARTSWITH%q^kept=1",
        "/x?q=a=1^ORsecretIN***^NQtokenSTARTSWITH***^kept=1",
    ),
    "operators that are signs": (
        "/x?q=secret*%q^secret!*%q^secret<%q^secret>%q^secretNOTLIKE%q^secretCHANGESTO%q^kept=1",
        "/x?q=secret****^secret!****^secret<***^secret>***^secretNOTLIKE***^secretCHANGESTO***^kept=1",
    ),
    "password in two words": (
        '{"Pass-Word": %j, "pass_code": %j, "pass-time": "kept"}',
        '{"Pass-Word": "***", "pass_code": "***", "pass-time": "kept"}',
    ),
    "key of two words": ('{"API Key": %j, "Key": "kept"}', '{"API Key": "***", "Key": "kept"}'),
    "keys of many kinds": (
        '{"shared_key": %j, "privateKey": %j, "X-Access-Key": %j, "key": "kept"}',
        '{"shared_key": "***", "privateKey": "***", "X-Access-Key": "***", "key": "kept"}',
    ),
    "form token": ("decision=allow&sysparm_ck=%f&kept=1", "decision=allow&sysparm_ck=***&kept=1"),
    "value before its type": (
        '{"value": %j, "type": "password2", "note": "kept"}',
        '{"value": "***", "type": "password2", "note": "kept"}',
    ),
    "field of a page": (
        '<input type="hidden" name="sysparm_ck" value="%h"><input name="kept" value="kept">',
        '<input type="hidden" name="sysparm_ck" value="***"><input name="kept" value="kept">',
    ),
    "conditions of aggregates": (
        "/x?sysparm_having=max^user_password^=^%c,count^kept^>^1&kept=1",
        "/x?sysparm_having=max^user_password^=^***,count^kept^>^1&kept=1",
    ),
    "conditions of aggregates in percent escapes": (
        "/x?sysparm_having=max%5Euser_password%5E%3D%5E%c&kept=1",
        "/x?sysparm_having=max%5Euser_password%5E%3D%5E***&kept=1",
    ),
    "operators with patterns": (
        "/x?q=secretMATCH_RGX%q^secretSAMEAS%q^kept=1",
        "/x?q=secretMATCH_RGX***^secretSAMEAS***^kept=1",
    ),
    "conditions of aggregates at the end of a path": (
        "/x?sysparm_having=max^user.user_password^LIKE^%f^%f&kept=1",
        "/x?sysparm_having=max^user.user_password^LIKE^***&kept=1",
    ),
    "operators of all kinds": (
        "/x?q=secretSAMEAS%q^ORsecretGT_FIELD%q^secretISNOTEMPTY^kept=1",
        "/x?q=secretSAMEAS***^ORsecret***^secretISNOTEMPTY^kept=1",
    ),
    "operators after a connector and a path": (
        "/x?q=a=1^ORuser.secret*%q^NQuser.secretSAMEAS%q^kept=1",
        "/x?q=a=1^ORuser.secret****^NQuser.secretSAMEAS***^kept=1",
    ),
    "value of a property": (
        "/api/now/table/sys_properties?sysparm_query=name=a.b^value=%q^valueSTARTSWITH%q^kept=1",
        "/api/now/table/sys_properties?sysparm_query=name=a.b^value=***^valueSTARTSWITH***^kept=1",
    ),
    "value of a property as a parameter": (
        "/sys_properties_list.do?value=%f&kept=1",
        "/sys_properties_list.do?value=***&kept=1",
    ),
    "key without quotes": (
        "{user_password: %j, key: 'kept', note: 'kept'}",
        "{user_password: \"***\", key: 'kept', note: 'kept'}",
    ),
    "rest of a value with ^": (
        "/x?q=secret=%q^Rest^^Pass-9^kept=1^ORDERBYsecret",
        "/x?q=secret=***^kept=1^ORDERBYsecret",
    ),
    "other operators": ("/x?q=secret!=%q^secretNOT LIKE%q^kept=1", "/x?q=secret!=***^secretNOT LIKE***^kept=1"),
}


def fill(template: str, secret: str) -> str:
    """Return the template with the secret written as its place demands."""
    nested = json.dumps(json.dumps({"Password": secret, "note": "kept"}))
    return (
        template.replace("%J", nested)
        .replace("%j", json.dumps(secret))
        .replace("%f", quote(secret, safe=""))
        .replace("%q", quote(secret.replace("^", "").replace("&", ""), safe=""))  # they end a term
        .replace("%c", "".join(filter(str.isalnum, secret)))  # other characters end a condition, or are escaped in it
        .replace("%h", html.escape(secret))
        .replace("%b", b64encode(f"admin:{secret}".encode()).decode())
        .replace("%s", secret)
    )
