"""The sentences about suites, runs, models and scorers. See `core.sentences`."""

from typing import Final

from core.language import gettext_noop
from core.sentences import register

__all__ = ["SENTENCES"]

SENTENCES: Final = register(
    {
        "address.credentials": gettext_noop(
            "an address of a model holds no user name and no password"
        ),
        "address.form": gettext_noop(
            "an address of a model begins with http:// or https:// and has a host"
        ),
        "address.key": gettext_noop(
            "an address of a model holds no key: %(secret)s is set in the environment"
        ),
        "address.link-local": gettext_noop("a link-local or metadata address"),
        "address.loopback": gettext_noop("an address of this machine itself"),
        "address.missing": gettext_noop("no address: set %(variable)s, or give the model one"),
        "address.private": gettext_noop("a private address"),
        "address.refused": gettext_noop(
            "%(address)s is not asked: it is %(kind)s, where the machine's own services are; "
            "name it in %(setting)s if a model is there"
        ),
        "answer.unreadable": gettext_noop("the answer could not be read (%(name)s)"),
        "anthropic.empty-answer": gettext_noop("the answer of Anthropic has no content"),
        "anthropic.key-elsewhere": gettext_noop(
            "ANTHROPIC_API_KEY is not sent to another address than its own: set "
            "ANTHROPIC_BASE_URL to allow that one"
        ),
        "anthropic.no-embeddings": gettext_noop(
            "Anthropic has no embeddings: choose another provider for them"
        ),
        "anthropic.no-key": gettext_noop(
            "ANTHROPIC_API_KEY is not set: put the key into the environment"
        ),
        "anthropic.no-model": gettext_noop(
            "anthropic needs a model, such as anthropic:claude-sonnet-4-5"
        ),
        "assertion.config-object": gettext_noop("config is an object"),
        "assertion.no-type": gettext_noop("an assertion needs a type, such as contains"),
        "assertion.not-supported": gettext_noop(
            "assertions of the type %(kind)s are not supported"
        ),
        "assertion.provider": gettext_noop(
            "%(type)s: provider is a text such as openai:gpt-4.1-mini"
        ),
        "assertion.secret": gettext_noop(
            "%(kind)s: %(secret)s is not read from files; set it in the environment"
        ),
        "assertion.set-list": gettext_noop("assert is a list of assertions"),
        "assertion.shape": gettext_noop(
            "an assertion is an object with a type, such as {type: contains, value: …}"
        ),
        "assertion.unknown": gettext_noop("there is no assertion type “%(kind)s”%(hint)s"),
        "embedding.dimensions": gettext_noop(
            "the embeddings have %(left)d and %(right)d dimensions"
        ),
        "embedding.too-large": gettext_noop(
            "the embeddings hold numbers that are too large to compare"
        ),
        "embedding.zero": gettext_noop("an embedding has no direction: all of it is 0"),
        "embeddings.broken-files": gettext_noop(
            "the files in %(folder)s cannot be read: remove them and run `make local-embeddings`"
        ),
        "embeddings.no-answers": gettext_noop(
            "local-embeddings answers nothing: name it with --embeddings"
        ),
        "embeddings.no-files": gettext_noop(
            "there are no local embeddings yet: run `make local-embeddings` once"
        ),
        "embeddings.no-runtime": gettext_noop(
            "onnxruntime is not installed yet: run `make local-embeddings` once"
        ),
        "embeddings.one-model": gettext_noop(
            "local-embeddings has one model, %(name)s, and no “%(model)s”"
        ),
        "file.changed": gettext_noop("%(name)s is not a regular file, or grew while it was read"),
        "file.hidden": gettext_noop(
            "%(name)s is hidden (its name begins with a dot); such files often hold keys and "
            "are not read"
        ),
        "file.holds-secret": gettext_noop(
            "%(name)s holds the value of %(variable)s; keys stay in the environment"
        ),
        "file.irregular": gettext_noop("%(name)s is not a regular file"),
        "file.name": gettext_noop("%(name)s is the name of no file"),
        "file.not-uploaded": gettext_noop(
            "%(name)s was not uploaded; upload it together with the suite"
        ),
        "file.outside": gettext_noop(
            "%(name)s is outside of the configuration's folder; only files inside it are read"
        ),
        "file.recorded-elsewhere": gettext_noop(
            "recorded answers are files of the machine that manage.py evaluate runs on; a "
            "page, a stored suite or a worker opens none"
        ),
        "file.too-large": gettext_noop("%(name)s is larger than %(megabytes)s MB; divide it"),
        "file.too-many-patterns": gettext_noop(
            "%(name)s stands for more than %(limit)s patterns; name fewer"
        ),
        "file.too-much-matching": gettext_noop(
            "patterns were compared with too many files; name the folders that they mean"
        ),
        "file.unreadable": gettext_noop("%(name)s cannot be read: %(reason)s"),
        "gate.missing": gettext_noop("release gate %(key)s does not exist"),
        "gate.no-suite": gettext_noop("this suite does not exist or has been deleted"),
        "gate.twice": gettext_noop("This prompt already has a gate for this suite."),
        "grader.no-embeddings": gettext_noop("%(name)s has no embeddings"),
        "http.all-refused": gettext_noop(
            "the %(which)s %(most)s requests were all refused, at the end: %(error)s"
        ),
        "http.asked-at": gettext_noop("%(error)s (asked at %(url)s)"),
        "http.certificate": gettext_noop(
            "the certificate of %(name)s at %(address)s is not trusted: %(reason)s; if it is "
            "your own service, name its authority's certificate in SSL_CERT_FILE"
        ),
        "http.closed": gettext_noop("%(name)s closed the connection without an answer"),
        "http.context": gettext_noop("the prompt is too long for this model of %(name)s"),
        "http.cut": gettext_noop("the answer of %(name)s was cut"),
        "http.dns-later": gettext_noop("the name %(host)s cannot be resolved at the moment (DNS)"),
        "http.empty": gettext_noop("the answer of %(name)s is empty (%(status)s), not JSON"),
        "http.failed": gettext_noop("%(name)s failed"),
        "http.filtered": gettext_noop("the content filter of %(name)s refused the prompt"),
        "http.gateway-timeout": gettext_noop("%(name)s did not answer its gateway in time"),
        "http.long-wait": gettext_noop(
            "%(error)s (it asks to wait %(seconds)s s, so it is not tried again)"
        ),
        "http.no-credit": gettext_noop("%(name)s: quota or credit exhausted"),
        "http.no-host": gettext_noop("there is no host of the name %(host)s (DNS)"),
        "http.no-tls": gettext_noop(
            "%(name)s does not speak TLS (https) as expected at %(where)s: %(reason)s"
        ),
        "http.not-an-object": gettext_noop("the answer of %(name)s is no JSON object"),
        "http.not-json": gettext_noop("the answer of %(name)s is not JSON"),
        "http.not-sent": gettext_noop("%(name)s could not be asked: %(reason)s"),
        "http.not-utf8": gettext_noop(
            "the answer of %(name)s is not the UTF-8 that JSON is written in"
        ),
        "http.page": gettext_noop(
            "the answer of %(name)s is a web page, not JSON: “%(page)s”; is the address "
            "right, and does no proxy or sign-in stand between?"
        ),
        "http.rate-limit": gettext_noop("%(name)s has had too many requests"),
        "http.redirect": gettext_noop(
            "%(name)s answered with a redirect (%(status)s) to %(location)s, which is not "
            "followed: set the address that it really has"
        ),
        "http.refused": gettext_noop("%(name)s refused the request"),
        "http.status": gettext_noop("%(what)s (%(status)s)"),
        "http.stream": gettext_noop(
            "the answer of %(name)s is a stream of events, not JSON: it was not asked to "
            "stream; turn that off at the service"
        ),
        "http.timeout": gettext_noop("%(name)s did not answer within %(seconds)s s"),
        "http.too-long": gettext_noop("the answer of %(name)s is longer than %(size)s MiB"),
        "http.unauthorized": gettext_noop("%(name)s does not accept the key"),
        "http.unreachable": gettext_noop("%(name)s cannot be reached at %(where)s: %(cause)s"),
        "judge.better": gettext_noop("the judge's better is one of %(known)s"),
        "judge.boolean": gettext_noop("the judge's %(key)s is true or false, not %(shown)s"),
        "judge.category": gettext_noop("the judge's category is one of %(known)s"),
        "judge.cut": gettext_noop(
            "the judge's reply was cut at its limit of tokens: give the judge a higher one"
        ),
        "judge.echo": gettext_noop("the judge only repeated what stands in the answer"),
        "judge.filtered": gettext_noop(
            "the content filter of the judge's service acted: there is no verdict"
        ),
        "judge.keys": gettext_noop("the judge's reply %(reason)s %(known)s"),
        "judge.none": gettext_noop("%(type)s needs a judge: name a model, as --judge does"),
        "judge.not-json": gettext_noop("the judge's reply is not one JSON object: %(shown)s"),
        "judge.not-whole": gettext_noop("the judge's reply is not whole: %(reason)s"),
        "judge.number": gettext_noop("the judge's %(key)s is a number, not %(shown)s"),
        "judge.range": gettext_noop("the judge's %(key)s is from 0 to 1, not %(value)s"),
        "judge.reason": gettext_noop("the judge's reason is a text"),
        "local.no-embeddings": gettext_noop("the local model has no embeddings"),
        "local.no-llama": gettext_noop(
            "llama.cpp is not installed yet: run `make local-model` once"
        ),
        "local.no-model": gettext_noop("there is no local model yet: run `make local-model` once"),
        "local.no-start": gettext_noop(
            "the local model did not start; run `make local-model` again"
        ),
        "offline.no-embeddings": gettext_noop("%(kind)s has no embeddings"),
        "openai.embeddings-count": gettext_noop("%(name)s sent %(counts)s"),
        "openai.key-elsewhere": gettext_noop(
            "%(key)s is not sent to another address than its own: set %(base)s to allow that one"
        ),
        "openai.no-choices": gettext_noop("the answer of %(name)s has no message: no choices"),
        "openai.no-compatible-model": gettext_noop(
            "openai-compatible needs a model, such as openai-compatible:llama3.2"
        ),
        "openai.no-key": gettext_noop("%(key)s is not set: put the key into the environment"),
        "openai.no-message": gettext_noop("the answer of %(name)s has no message"),
        "openai.no-model": gettext_noop("openai needs a model, such as openai:gpt-4.1-mini"),
        "openai.no-vectors": gettext_noop("%(name)s sent no embeddings"),
        "openai.not-text": gettext_noop("the message of %(name)s is no text"),
        "option.amount": gettext_noop(
            "must be an amount in US dollars, 0 or more, such as 0.50, not “%(text)s”"
        ),
        "option.background-file": gettext_noop(
            "only this command can read the file %(name)s; leave out --background"
        ),
        "option.background-queue": gettext_noop(
            "the queue runs inside the server process; set QUEUE=sqlite or QUEUE=redis"
        ),
        "option.new-run": gettext_noop("this option only applies to a new run"),
        "option.no-prompt": gettext_noop(
            "choose at least one prompt, such as --prompt support-reply"
        ),
        "option.no-provider": gettext_noop("choose at least one model, such as --provider local"),
        "option.no-suite": gettext_noop("specify a FILE or --suite NAME (or --resume ID)"),
        "option.output": gettext_noop(
            "cannot write a file at %(path)s; choose a folder that you can write to"
        ),
        "option.timeout": gettext_noop("must be 0 or more seconds, not %(number)s"),
        "option.workers": gettext_noop("must be an integer from 1 to 1000"),
        "plugin.failed": gettext_noop(
            "%(package)s failed to make a provider of the kind %(kind)s (%(name)s)"
        ),
        "plugin.no-method": gettext_noop(
            "%(package)s made no provider of the kind %(kind)s: it has no %(name)s"
        ),
        "plugin.ours": gettext_noop(
            "%(package)s brings “%(name)s”, which AutoForge has itself: rename it"
        ),
        "plugin.provider-kind": gettext_noop(
            "%(package)s cannot be used: “%(name)s” is no kind of provider; small letters, "
            "digits and hyphens are, and no word that means something else here"
        ),
        "plugin.scorer-name": gettext_noop(
            "%(package)s cannot be used: “%(name)s” is no name for a scorer; small letters, "
            "digits and hyphens are, without not- before them"
        ),
        "plugin.scorer-type": gettext_noop(
            "%(package)s cannot be used: %(target)s is %(kind)s, and a scorer is a Scorer or "
            "a list of them"
        ),
        "plugin.twice": gettext_noop(
            "%(package)s and %(other)s both bring “%(name)s”, so neither counts: remove one of them"
        ),
        "plugin.unreadable": gettext_noop(
            "%(package)s cannot be used: loading %(target)s failed (%(why)s)"
        ),
        "promptfoo.code-file": gettext_noop(
            "“%(reference)s” would run code, which is never done here"
        ),
        "promptfoo.code-prompt": gettext_noop("“%(raw)s” would run code, which is never done here"),
        "promptfoo.csv-number": gettext_noop("%(name)s is a number, not “%(cell)s”"),
        "promptfoo.csv-orphan": gettext_noop(
            "%(name)s belongs to no __expected%(found)s of this row"
        ),
        "promptfoo.default-test": gettext_noop("defaultTest is an object or a file with one"),
        "promptfoo.entries": gettext_noop("%(key)s is an object of names and values"),
        "promptfoo.evaluate-options": gettext_noop("evaluateOptions is an object"),
        "promptfoo.file-cycle": gettext_noop("“%(reference)s” leads back to itself"),
        "promptfoo.filled-too-long": gettext_noop(
            "the texts that are filled into variables are longer than %(most)s characters in "
            "all; divide the file"
        ),
        "promptfoo.function": gettext_noop("function would run code, which is never done here"),
        "promptfoo.names": gettext_noop("%(key)s is a list of names"),
        "promptfoo.no-file": gettext_noop("%(raw)s cannot be read: there is no such file"),
        "promptfoo.no-prompt": gettext_noop("there is no prompt in %(name)s"),
        "promptfoo.no-prompt-file": gettext_noop("no file matches “%(raw)s”"),
        "promptfoo.no-tests": gettext_noop("no tests: “%(what)s” holds none"),
        "promptfoo.no-tests-file": gettext_noop("no file matches “%(reference)s”"),
        "promptfoo.no-value-file": gettext_noop("no file matches “%(value)s”"),
        "promptfoo.not-text": gettext_noop("“%(reference)s” is no text; only texts are asked here"),
        "promptfoo.prompt-shape": gettext_noop(
            "a prompt is a text, a file or an object with raw or id"
        ),
        "promptfoo.prompt-suffix": gettext_noop(
            "a file of prompts ends in %(there)s, not “%(suffix)s”"
        ),
        "promptfoo.remote": gettext_noop(
            "“%(reference)s” is not on this machine; save it as a file"
        ),
        "promptfoo.scenario": gettext_noop("a scenario is an object with config"),
        "promptfoo.secret": gettext_noop(
            "%(secret)s is not read from files; set it in the environment"
        ),
        "promptfoo.shape": gettext_noop("a configuration is an object with prompts and tests"),
        "promptfoo.test-fields": gettext_noop("a test is an object with vars and assert"),
        "promptfoo.test-shape": gettext_noop("a test is an object with vars and assert, or a file"),
        "promptfoo.too-many-cases": gettext_noop(
            "this makes %(count)s cases, and at most %(most)s are allowed; give shorter "
            "lists, or divide them into several files"
        ),
        "promptfoo.too-many-lists": gettext_noop(
            "the file lists refer to more than %(limit)s files"
        ),
        "promptfoo.too-many-values": gettext_noop(
            "the file holds more than %(limit)s values; split it"
        ),
        "promptfoo.unknown-reference": gettext_noop(
            "there is no %(kind)s “%(reference)s”; there are %(there)s"
        ),
        "promptfoo.value-file": gettext_noop("“%(value)s” is no .txt, .json, .yaml or .yml"),
        "promptfoo.values-too-long": gettext_noop(
            "filled into each other, the variables are longer than %(most)s characters; give "
            "shorter texts"
        ),
        "promptfoo.variable": gettext_noop("the variable %(name)s %(sentence)s"),
        "promptfoo.vars": gettext_noop("vars is an object of names and values, or files with some"),
        "promptfoo.vars-file": gettext_noop("a file of variables is an object of names and values"),
        "promptfoo.whole-number": gettext_noop("%(key)s is a whole number %(allowed)s"),
        "provider.code": gettext_noop("“%(text)s” would run code, which is never done here"),
        "provider.concurrency": gettext_noop("concurrency is a whole number from 1 to %(limit)s"),
        "provider.config-object": gettext_noop("the config of %(spec)s is an object"),
        "provider.list": gettext_noop(
            "“%(text)s” is a list of models: only a configuration can name it"
        ),
        "provider.needs": gettext_noop("%(kind)s needs %(what)s, such as %(examples)s"),
        "provider.no-id": gettext_noop(
            "a provider's object needs the text id, such as openai:gpt-4.1-mini"
        ),
        "provider.not-chat": gettext_noop(
            "“%(text)s” is no chat; write %(kind)s:MODEL for a model that answers one"
        ),
        "provider.secret": gettext_noop(
            "%(spec)s: %(path)s is not read from files; set it in the environment"
        ),
        "provider.shape": gettext_noop(
            "a provider is a text such as openai:gpt-4.1-mini, or an object with id"
        ),
        "provider.unknown": gettext_noop("there is no provider “%(kind)s”; %(hint)s"),
        "replay.entry": gettext_noop("needs prompt (or messages) and output"),
        "replay.file": gettext_noop("replay: %(error)s"),
        "replay.message": gettext_noop("a message has a role and a content"),
        "replay.no-answer": gettext_noop("nothing was recorded for this prompt"),
        "replay.shape": gettext_noop("%(path)s %(sentence)s with prompt (or messages) and output"),
        "result.read-only": gettext_noop("what a run found is read, and never edited"),
        "run.busy": gettext_noop(
            "a worker is processing this run; wait until it finishes, or cancel it"
        ),
        "run.case": gettext_noop("case “%(name)s”: %(error)s"),
        "run.case-too-large": gettext_noop(
            "the case “%(name)s” is too large for the database (%(reason)s)"
        ),
        "run.complete": gettext_noop("this run is complete; there is nothing left to do"),
        "run.ended": gettext_noop("this run has ended; resume it to continue"),
        "run.missing": gettext_noop("there is no run %(text)s; a run ID has 8 or more characters"),
        "run.needs-embeddings": gettext_noop(
            "some cases compare meaning; choose an embedding model, such as --embeddings "
            "openai:text-embedding-3-small"
        ),
        "run.needs-judge": gettext_noop(
            "some cases need a judge; choose a model, such as --judge openai:gpt-4.1-mini"
        ),
        "run.no-cases": gettext_noop("there are no enabled cases to run"),
        "run.no-grader": gettext_noop("this run has no model for: %(need)s"),
        "run.no-model": gettext_noop(
            "this run was created without the model %(name)s; create a new run"
        ),
        "run.nothing-to-ask": gettext_noop("a run needs a prompt and a model"),
        "run.price-unknown": gettext_noop(
            "a cost limit requires prices, but the price of %(names)s is unknown; set it in "
            "a model profile"
        ),
        "run.taken": gettext_noop(
            "another worker holds this run; it can be taken over once its lease expires"
        ),
        "schema.depth": gettext_noop("%(what)s: it is nested too deeply, or refers to itself"),
        "schema.dialect": gettext_noop("the JSON Schema is wrong: its $schema is a text"),
        "schema.invalid": gettext_noop("the JSON Schema is wrong: %(message)s"),
        "schema.no-target": gettext_noop(
            "the JSON Schema cannot be used: it refers to “%(reference)s”, which it does not hold"
        ),
        "schema.regex": gettext_noop(
            "“%(pattern)s” is no regular expression of JavaScript: %(error)s"
        ),
        "schema.regex-effort": gettext_noop(
            "the expressions of the JSON Schema took more than %(seconds)s s"
        ),
        "schema.unevaluated": gettext_noop(
            "the JSON Schema cannot be used: unevaluatedProperties beside patternProperties "
            "is not supported"
        ),
        "scorer.comma": gettext_noop("a comma has to follow a quotation in the list of values"),
        "scorer.effort": gettext_noop("scoring this answer by %(type)s %(error)s"),
        "scorer.finish-reason": gettext_noop(
            "finish-reason needs a text as its value, such as stop"
        ),
        "scorer.json-schema": gettext_noop("%(type)s takes a JSON Schema: an object, or its text"),
        "scorer.levenshtein": gettext_noop("levenshtein needs a text as its value"),
        "scorer.list": gettext_noop(
            "%(type)s needs a list, or a text with commas between its parts"
        ),
        "scorer.no-cost": gettext_noop("what the answer cost is not known: give the model a price"),
        "scorer.no-embeddings": gettext_noop(
            "%(type)s needs embeddings: name a model, as --embeddings does"
        ),
        "scorer.no-latency": gettext_noop(
            "an earlier or given answer has no latency: run without the cache"
        ),
        "scorer.no-logprobs": gettext_noop(
            "%(type)s needs the tokens' probabilities, and none came"
        ),
        "scorer.no-method": gettext_noop("%(scorer)s has no way to score"),
        "scorer.numeric": gettext_noop(
            "numeric needs a number as its value, or as the expected answer"
        ),
        "scorer.open-quote": gettext_noop("a quotation in the list of values does not end"),
        "scorer.pairwise": gettext_noop(
            "pairwise needs a text as its value, or the case an expected answer"
        ),
        "scorer.regex-effort": gettext_noop(
            "the expression “%(pattern)s” took more than %(seconds)s s or too much memory"
        ),
        "scorer.rouge": gettext_noop("rouge-n needs a text as its value"),
        "scorer.rubric": gettext_noop("%(type)s needs a text as its value"),
        "scorer.schema-aliases": gettext_noop(
            "the schema has aliases (*name), which could make it endless"
        ),
        "scorer.schema-depth": gettext_noop("the schema is nested too deeply"),
        "scorer.schema-object": gettext_noop("the schema is not an object"),
        "scorer.schema-syntax": gettext_noop("the schema is neither JSON nor YAML: %(reason)s"),
        "scorer.similar": gettext_noop("%(type)s needs a text, or a list of texts, as its value"),
        "scorer.text": gettext_noop("%(type)s needs a text as its value, which is not empty"),
        "scorer.text-or-number": gettext_noop(
            "%(type)s needs a text that is not empty, or a number"
        ),
        "scorer.texts": gettext_noop("%(type)s needs a text or a list of texts as its value"),
        "scorer.threshold": gettext_noop("%(type)s needs a threshold"),
        "scorer.tolerance": gettext_noop("%(name)s is a number from 0 up"),
        "scorer.too-deep": gettext_noop(
            "the value of %(type)s cannot be used: it is nested too deeply"
        ),
        "scorer.too-many-braces": gettext_noop(
            "the answer has too many braces to look for JSON in all of it"
        ),
        "scorer.tools": gettext_noop(
            "tool-call-f1 needs the names of tools: a list, or commas between them"
        ),
        "scorer.unknown": gettext_noop("there is no assertion type “%(name)s”; %(hint)s"),
        "scorer.word-count": gettext_noop(
            "word-count needs a number, or an object with min and max"
        ),
        "scorer.word-count-bounds": gettext_noop(
            "word-count needs min or max, or both, as numbers"
        ),
        "scorer.word-count-order": gettext_noop("word-count: min %(low)s is above max %(high)s"),
        "scorer.words": gettext_noop("words is one of %(known)s, not “%(how)s”"),
        "scorer.xml-effort": gettext_noop(
            "the answer nests so many broken elements that only %(limit)s characters of them "
            "were looked through for XML"
        ),
        "scorer.xml-object": gettext_noop(
            "%(type)s takes an object with the list requiredElements"
        ),
        "scorer.xml-paths": gettext_noop(
            "%(type)s takes paths such as a.b,c, a list of them, or nothing"
        ),
        "suite.case-exists": gettext_noop("this suite already has a case “%(name)s”"),
        "suite.case-name": gettext_noop("a case needs a name of 1 to %(limit)s characters"),
        "suite.case-object": gettext_noop("a case is an object"),
        "suite.case-shape": gettext_noop("a case is an object with a name"),
        "suite.case-twice": gettext_noop("a case is called “%(case)s” already"),
        "suite.empty": gettext_noop("no tests: there is no case in it"),
        "suite.exists": gettext_noop(
            "a suite with the name “%(name)s” already exists; rename this one or replace its cases"
        ),
        "suite.file-syntax": gettext_noop("this is neither YAML nor JSON: %(reason)s"),
        "suite.file-too-large": gettext_noop("larger than 50 MiB; divide it"),
        "suite.key-twice": gettext_noop("“%(key)s” stands here for the second time"),
        "suite.kind": gettext_noop("a suite begins with “autoforge: %(kind)s”"),
        "suite.missing": gettext_noop(
            "there is no test suite “%(name)s”; available suites: %(names)s"
        ),
        "suite.name-taken": gettext_noop("a test suite with the name “%(name)s” already exists"),
        "suite.no-name": gettext_noop("a suite needs a name"),
        "suite.no-tests-because": gettext_noop("no tests: %(error)s"),
        "suite.number": gettext_noop("%(name)s is a number%(range)s"),
        "suite.suffix": gettext_noop("the name must end in %(known)s"),
        "suite.syntax": gettext_noop("this is neither YAML nor JSON: %(problem)s"),
        "suite.text": gettext_noop("%(key)s is a text"),
        "suite.too-deep": gettext_noop("too many or too deep values; aliases may repeat them"),
        "suite.unknown-key": gettext_noop("there is no “%(key)s”; there are %(there)s"),
        "suite.value-type": gettext_noop("%(key)s is %(names)s"),
        "table.case-twice": gettext_noop(
            "two cases are called “%(name)s”; map another column to name"
        ),
        "table.check-form": gettext_noop("a check is a type or a JSON object: %(error)s"),
        "table.mapped-twice": gettext_noop("the column “%(column)s” is mapped twice"),
        "table.mapping-form": gettext_noop(
            "“%(text)s” is no mapping; write PART=COLUMN, as expected=Answer"
        ),
        "table.no-column": gettext_noop("there is no column “%(name)s”; there are %(columns)s"),
        "table.object": gettext_noop("%(column)s is a JSON object"),
        "table.option": gettext_noop(
            "is for plain tables, and this file is %(kind)s: leave it out"
        ),
        "table.part-twice": gettext_noop(
            "the columns “%(one)s” and “%(other)s” are both %(part)s; rename one"
        ),
        "table.unknown-part": gettext_noop(
            "there is no part “%(part)s”; there are %(parts)s and variables.NAME"
        ),
        "table.value-type": gettext_noop("%(part)s is %(kind)s, not “%(value)s”"),
        "upload.file-twice": gettext_noop("there are two files called “%(member)s”"),
        "upload.not-zip": gettext_noop("%(file)s is not a ZIP file, or it is damaged"),
        "upload.packing": gettext_noop("“%(name)s” is encrypted or packed in an odd way"),
        "upload.too-large": gettext_noop("the files hold more than %(megabytes)s MB together"),
        "upload.too-many-files": gettext_noop("there are more than %(limit)s files"),
        "upload.unsafe-name": gettext_noop("a name in it leads outside, or is too long"),
    }
)
