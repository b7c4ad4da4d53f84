"""The sentences of the ground floor: files, tables, values and rows. See `core.sentences`."""

from typing import Final

from core.language import gettext_noop
from core.sentences import register

__all__ = ["SENTENCES"]

SENTENCES: Final = register(
    {
        "address.link-local": gettext_noop("a link-local or metadata address"),
        "address.loopback": gettext_noop("an address of this machine itself"),
        "address.private": gettext_noop("a private address"),
        "access.basic-broken": gettext_noop(
            "the Authorization header is not valid Basic authentication; send Base64 of "
            "“user:key” with the API key as the password"
        ),
        "access.inactive": gettext_noop("your account is deactivated here; ask an administrator"),
        "access.key-mistyped": gettext_noop(
            "the API key is incomplete or mistyped; copy the whole key, which begins with af_"
        ),
        "access.key-of-token": gettext_noop(
            "the API key of this access token is revoked or expired; get a new token with "
            "another key"
        ),
        "access.key-unknown": gettext_noop(
            "the API key is unknown, revoked or expired; create one with “manage.py api_key "
            "create” or in the admin"
        ),
        "access.long-subject": gettext_noop(
            "the ID of your account is longer than %(limit)d characters"
        ),
        "access.may-not": gettext_noop(
            "the role %(role)s does not have the permission %(permission)s"
        ),
        "access.no-credentials": gettext_noop(
            "this request needs an API key; send it as “Authorization: Bearer af_…”"
        ),
        "access.no-role": gettext_noop(
            "you have no role here; ask an administrator to add you to the organization, or to "
            "set CLERK_DEFAULT_ROLE"
        ),
        "access.only-keys": gettext_noop("an access token can only be issued to an API key"),
        "access.organization-not-set": gettext_noop(
            "this installation belongs to no organization; set CLERK_ORGANIZATION to the ID of "
            "yours, or switch to your personal account"
        ),
        "access.other-organization": gettext_noop("there is nothing here for your organization"),
        "access.scheme": gettext_noop(
            "the Authorization header must be “Bearer” with an API key or a token, or “Basic” "
            "with an API key as the password"
        ),
        "access.unknown-credentials": gettext_noop(
            "the Authorization header contains neither an API key, which begins with af_, nor a "
            "token that is known here"
        ),
        "api.bad-request": gettext_noop("the request cannot be read: %(what)s"),
        "api.body-over-limit": gettext_noop(
            "the body of the request is larger than %(limit)s, which is the limit here"
        ),
        "api.body-too-large": gettext_noop("the body of the request is too large"),
        "api.cursor": gettext_noop(
            "the cursor does not belong to this list; use next_cursor of the page before, "
            "unchanged, or leave it out to begin again"
        ),
        "api.field-missing": gettext_noop("%(name)s is required"),
        "api.field-type": gettext_noop("must be %(wanted)s, not %(got)s"),
        "api.field-unknown": gettext_noop("%(name)s is not a field here"),
        "api.field-value": gettext_noop("is not allowed: %(what)s"),
        "api.idempotency-key": gettext_noop(
            "the Idempotency-Key must be 1 to %(limit)d printable characters"
        ),
        "api.idempotency-reused": gettext_noop(
            "this Idempotency-Key was already used for another request; use a new key"
        ),
        "api.if-match": gettext_noop(
            "this has changed since you read it; look at what is there now and send your change "
            "with its ETag in If-Match"
        ),
        "api.if-match-missing": gettext_noop(
            "send the ETag of what you read in If-Match, or expected_version, so that nobody "
            "else's change is overwritten"
        ),
        "api.latest-label": gettext_noop(
            "“latest” always points to the newest version and cannot be moved"
        ),
        "api.label-and-version": gettext_noop("give either label or version, not both"),
        "api.limit-reached": gettext_noop(
            "the limit of %(limit)d requests per minute is reached; try again in %(seconds)d "
            "seconds"
        ),
        "api.method": gettext_noop("%(method)s is not allowed here; allowed methods: %(allowed)s"),
        "api.no-operation": gettext_noop(
            "there is no such operation; /api/openapi.json lists them all"
        ),
        "api.error": gettext_noop(
            "an error occurred on the server; its cause is in the log, under the X-Request-ID of "
            "this answer"
        ),
        "api.not-acceptable": gettext_noop(
            "the answer is application/json, which the Accept header excludes"
        ),
        "api.too-many-watchers": gettext_noop(
            "%(limit)s clients are watching here already; ask for the state itself, with its ETag"
        ),
        "api.not-json": gettext_noop(
            "the body is not valid JSON (line %(line)d, column %(column)d), or its Content-Type "
            "is not application/json"
        ),
        "bulk.too-many": gettext_noop(
            "%(count)s rows are selected, but at most %(most)s can be processed at once. "
            "Narrow the list with a filter or search. Nothing was changed."
        ),
        "clerk.not-configured": gettext_noop(
            "sign-in with Clerk is not configured; set CLERK_PUBLIC_KEY"
        ),
        "clerk.publishable-key": gettext_noop(
            "CLERK_PUBLIC_KEY is not a publishable key of Clerk; copy it from the API keys of the "
            "Clerk dashboard (pk_live_… or pk_test_…)"
        ),
        "clerk.role": gettext_noop(
            "CLERK_ROLES or CLERK_DEFAULT_ROLE names an unknown role; roles are %(roles)s"
        ),
        "delimited.lone-return": gettext_noop(
            "the record that begins on line %(line)d contains a carriage return outside "
            "quotes; quote cells that contain one"
        ),
        "delimited.long-cell": gettext_noop(
            "the record that begins on line %(line)d has a cell of more than %(limit)s characters"
        ),
        "delimited.open-quote": gettext_noop(
            "the record that begins on line %(line)d opens a quote that is never closed"
        ),
        "delimited.separator": gettext_noop(
            "the first line sets the separator to “%(delimiter)s”; supported separators are "
            "comma, semicolon, tab and pipe"
        ),
        "delimited.stray-quote": gettext_noop(
            "the record that begins on line %(line)d has text after a closing quote on line "
            "%(last)d; double the quotes inside a quoted cell"
        ),
        "delimited.too-many-columns": gettext_noop(
            "the record that begins on line %(line)d has more than %(limit)s cells, which is "
            "the limit for columns"
        ),
        "encoding.broken": gettext_noop(
            "line %(line)d is not valid %(encoding)s, although the file starts as "
            "%(encoding)s; save the file as UTF-8"
        ),
        "encoding.not-utf8": gettext_noop(
            "line %(line)d is not valid UTF-8, UTF-16 or CP932 (Shift-JIS); save the file as "
            "UTF-8 (in Excel: “CSV UTF-8”)"
        ),
        "encoding.read-as": gettext_noop("the file is not UTF-8; it was read as %(encoding)s"),
        "encoding.utf32": gettext_noop("UTF-32 files are not supported; save the file as UTF-8"),
        "field.unknown": gettext_noop("unknown field; allowed fields: %(names)s"),
        "file.at": gettext_noop("line %(line)d, column %(column)d: %(what)s"),
        "file.entry": gettext_noop("%(path)s, entry %(number)s"),
        "file.is-archive": gettext_noop(
            "this is a workbook or another archive, not a text file; if it is an XLSX file, "
            "name it .xlsx"
        ),
        "file.is-link": gettext_noop(
            "this is a link to a file outside its folder; name that file directly"
        ),
        "file.is-old-workbook": gettext_noop(
            "this is an old (.xls) or encrypted workbook; save it as XLSX without a "
            "password, or as CSV"
        ),
        "file.is-pdf": gettext_noop("this is a PDF, not a table; save the table as CSV or XLSX"),
        "file.is-special": gettext_noop("this is not a regular file"),
        "file.is-too-large": gettext_noop("the file is larger than %(limit)s MiB"),
        "file.no-name": gettext_noop("this is not a file name"),
        "file.over-limit": gettext_noop("the file is larger than %(limit)d MiB; split it"),
        "file.too-many-records": gettext_noop("the file has more than %(limit)s records; split it"),
        "file.too-many-values": gettext_noop("the file has more than %(limit)s values; split it"),
        "header.column-name": gettext_noop("the header (%(place)s): a name %(reason)s"),
        "header.column-twice": gettext_noop(
            "the header (%(place)s) names the column %(column)s twice; rename one of them"
        ),
        "header.empty-file": gettext_noop("the file is empty; its first row must name the columns"),
        "header.row-too-long": gettext_noop(
            "has more cells (%(cells)d) than the header (%(columns)d)"
        ),
        "header.too-many-cells": gettext_noop("the file has more than %(limit)s cells; split it"),
        "header.too-many-rows": gettext_noop(
            "the file has more than %(limit)s rows below its header; split it"
        ),
        "input.invalid": gettext_noop("%(problems)s"),
        "json.after-object": gettext_noop("expected , or ] after an object"),
        "json.after-value": gettext_noop("expected , or } after a value"),
        "json.colon": gettext_noop("expected : after a key"),
        "json.depth": gettext_noop("the value that begins here %(why)s"),
        "json.empty-file": gettext_noop("the file is empty; it must be a list of objects"),
        "json.key": gettext_noop("expected a key in double quotes"),
        "json.key-twice": gettext_noop("contains the key %(name)s twice in one object"),
        "json.line": gettext_noop("is not valid JSON at character %(position)d (%(reason)s)"),
        "json.list": gettext_noop("the file must be a JSON list of objects in square brackets"),
        "json.no-lines": gettext_noop("the file is empty; each line must be an object"),
        "json.syntax": gettext_noop("not valid JSON (%(reason)s)"),
        "json.trailing": gettext_noop("unexpected text after the end of the list"),
        "kind.boolean": gettext_noop("true or false"),
        "kind.list": gettext_noop("a list"),
        "kind.null": gettext_noop("empty (null)"),
        "kind.number": gettext_noop("a number"),
        "kind.object": gettext_noop("an object"),
        "kind.other": gettext_noop("a value of type %(name)s"),
        "kind.string": gettext_noop("a string"),
        "place.line": gettext_noop("line %(number)d"),
        "place.nested": gettext_noop("%(outer)s: %(inner)s"),
        "place.row": gettext_noop("row %(number)d"),
        "mcp.header": gettext_noop("a header of MCP is not valid Base64"),
        "mcp.messages": gettext_noop("%(name)s must be a list of messages as JSON"),
        "mcp.origin": gettext_noop(
            "pages of this origin may not call AutoForge; add it to CORS_ORIGINS if it is yours"
        ),
        "row.append-only": gettext_noop("%(name)s cannot be changed; add a new one"),
        "row.kept-with-owner": gettext_noop("%(name)s is kept as long as the object it belongs to"),
        "key.expires-in-the-past": gettext_noop("must be in the future"),
        "key.missing": gettext_noop("there is no API key %(key)s"),
        "key.name-taken": gettext_noop(
            "there is already a key %(name)s in use; rotate it, revoke it or use another name"
        ),
        "key.not-usable": gettext_noop(
            "the key %(name)s is revoked or expired; create a new one instead"
        ),
        "key.overlap-negative": gettext_noop("must not be negative"),
        "key.role": gettext_noop("must be one of %(roles)s"),
        "key.role-above-maker": gettext_noop(
            "the role %(role)s has permissions that you do not have, so you cannot give it to a key"
        ),
        "row.missing": gettext_noop("there is no %(kind)s %(key)s"),
        "row.missing-deleted": gettext_noop("there is no deleted %(kind)s %(key)s"),
        "row.unchangeable": gettext_noop("%(name)s cannot be changed; add a new row instead"),
        "suite.cases-list": gettext_noop("cases must be a list"),
        "token.algorithm": gettext_noop("the token must be signed with %(algorithm)s"),
        "token.claim-invalid": gettext_noop("the token's claim “%(name)s” has an invalid value"),
        "token.claim-missing": gettext_noop("the token lacks the claim “%(name)s”"),
        "token.critical": gettext_noop(
            "the token's header requires extensions that are not supported (crit)"
        ),
        "token.expired": gettext_noop("the token has expired; get a new one"),
        "token.issuer": gettext_noop(
            "the token was issued by another service, or by another Clerk instance than the one "
            "of CLERK_PUBLIC_KEY"
        ),
        "token.key-id": gettext_noop("the token does not name the key that signed it (kid)"),
        "token.malformed": gettext_noop("the token is not a valid JSON Web Token"),
        "token.no-keys": gettext_noop(
            "the token cannot be checked now, because Clerk's keys are not available; try again "
            "later"
        ),
        "token.no-parties": gettext_noop(
            "no origin is allowed to use session tokens of Clerk; set CLERK_AUTHORIZED_PARTIES to "
            "the origins of the front end, such as https://app.example.com"
        ),
        "token.no-secret": gettext_noop("there are no access tokens; set JWT_SECRET_KEY"),
        "token.not-ours": gettext_noop("the token is not an access token of this API"),
        "token.not-yet-issued": gettext_noop(
            "the token was issued in the future; check the clock of this server"
        ),
        "token.not-yet-valid": gettext_noop(
            "the token is not valid yet; check the clock of this server"
        ),
        "token.party": gettext_noop(
            "the token was issued for an origin that is not allowed; add the origin to "
            "CLERK_AUTHORIZED_PARTIES if it is yours"
        ),
        "token.signature": gettext_noop("the token's signature is not valid"),
        "token.status": gettext_noop(
            "the session is not active; finish signing in, and get a new token"
        ),
        "token.too-long": gettext_noop("the token is longer than %(limit)d characters"),
        "token.type": gettext_noop("the token is not a session token (typ)"),
        "token.unknown-key": gettext_noop(
            "the token was signed with a key that is not among Clerk's keys; get a new one"
        ),
        "value.depth": gettext_noop("is nested deeper than %(limit)d levels"),
        "value.key-type": gettext_noop(
            "contains a key that is %(kind)s, not a string; put it in quotes"
        ),
        "value.long-number": gettext_noop(
            "contains a number with more than 1,200 digits; write it as a string"
        ),
        "value.not-finite": gettext_noop(
            "contains a number that is not finite, which JSON cannot represent"
        ),
        "value.not-json": gettext_noop("contains %(kind)s, which JSON cannot represent"),
        "value.nul": gettext_noop("contains a NUL character; remove it"),
        "value.surrogate": gettext_noop(
            "contains half of a surrogate pair, which is not a character"
        ),
        "webhook.event-types": gettext_noop("choose at least one of these events: %(names)s"),
        "webhook.needs-https": gettext_noop(
            "the address must start with https://; http:// is for private networks that "
            "WEBHOOK_ALLOWED_NETWORKS allows"
        ),
        "webhook.no-answer": gettext_noop("no answer (%(why)s)"),
        "webhook.refused-address": gettext_noop(
            "%(address)s is not allowed: it is %(kind)s; to send events there, add it to "
            "%(setting)s"
        ),
        "webhook.timeout": gettext_noop("no answer within %(seconds)d seconds"),
        "webhook.unreadable-secret": gettext_noop(
            "the secret cannot be read because SECRET_KEY has changed; rotate the secret"
        ),
        "webhook.url-credentials": gettext_noop(
            "the address must not contain a user name or password"
        ),
        "webhook.url-form": gettext_noop(
            "the address must start with https:// and include a host, without blanks"
        ),
        "workbook.damaged": gettext_noop(
            "the workbook is damaged; open it in a spreadsheet and save it again"
        ),
        "workbook.encrypted": gettext_noop("the workbook is encrypted; save it without a password"),
        "workbook.far-column": gettext_noop(
            "row %(row)d has a value in column %(column)s; a table has at most %(limit)s columns"
        ),
        "workbook.far-row": gettext_noop(
            "the workbook is damaged: it refers to row %(row)s, but a sheet has at most "
            "%(limit)s rows"
        ),
        "workbook.is-binary": gettext_noop("this is a binary workbook (.xlsb); save it as XLSX"),
        "workbook.is-numbers": gettext_noop("this is a Numbers file; export it as Excel or CSV"),
        "workbook.is-opendocument": gettext_noop(
            "this is an OpenDocument file; save it as XLSX or CSV"
        ),
        "workbook.is-word": gettext_noop("this is a Word document; save the table as XLSX or CSV"),
        "workbook.long-text": gettext_noop(
            "the workbook has a cell of more than %(limit)s characters"
        ),
        "workbook.no-sheet": gettext_noop(
            "there is no sheet %(name)s; available sheets: %(sheets)s"
        ),
        "workbook.no-text": gettext_noop("refers to a string that the workbook does not contain"),
        "workbook.no-value": gettext_noop(
            "contains a formula without a stored value; open the workbook in a spreadsheet "
            "and save it"
        ),
        "workbook.not-one": gettext_noop("this is not an XLSX workbook"),
        "workbook.too-many-values": gettext_noop(
            "the workbook has more than %(limit)s values; split it"
        ),
        "workbook.unpacked": gettext_noop(
            "the workbook is larger than %(limit)d MiB when unpacked; split it"
        ),
        "yaml.complex-key": gettext_noop(
            "contains a key that is a list or a mapping, not a string"
        ),
        "yaml.control": gettext_noop(
            "line %(line)d contains the character %(character)s, which YAML only allows as "
            "an escape in double quotes"
        ),
        "yaml.empty-file": gettext_noop("the file is empty; it must be a list of mappings"),
        "yaml.heavy": gettext_noop(
            "line %(line)d: with its aliases expanded, the file is larger than %(limit)d MiB"
        ),
        "yaml.key-twice": gettext_noop("contains the key %(name)s twice in one mapping"),
        "yaml.list": gettext_noop(
            "the file must be a list of mappings, or one mapping per document"
        ),
        "yaml.no-anchor": gettext_noop("the anchor %(name)s is not defined before this alias"),
        "yaml.own-alias": gettext_noop("contains an alias inside the value it repeats"),
        "yaml.syntax": gettext_noop("not valid YAML (%(reason)s)"),
        "yaml.tag": gettext_noop("contains a value with the tag %(tag)s, which is not supported"),
    }
)
