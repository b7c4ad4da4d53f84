"""The sentences about suites, runs, models and scorers. See `core.sentences`."""

from typing import Final

from core.language import gettext_noop
from core.sentences import register

__all__ = ["SENTENCES"]

SENTENCES: Final = register(
    {
        "address.credentials": gettext_noop(
            "a model's URL must not contain a user name or password"
        ),
        "address.form": gettext_noop(
            "a model's URL must begin with http:// or https:// and include a host"
        ),
        "address.key": gettext_noop(
            "a model's URL must not contain a key; set %(secret)s in the environment"
        ),
        "address.missing": gettext_noop("no URL: set %(variable)s, or give the model one"),
        "address.refused": gettext_noop(
            "%(address)s is not allowed: it is %(kind)s, where services of this machine may "
            "listen; if a model runs there, add it to %(setting)s"
        ),
        "answer.unreadable": gettext_noop("the response could not be read (%(name)s)"),
        "anthropic.empty-answer": gettext_noop("the response from Anthropic has no content"),
        "anthropic.no-embeddings": gettext_noop(
            "Anthropic does not offer embeddings; choose another provider for them"
        ),
        "anthropic.no-key": gettext_noop("ANTHROPIC_API_KEY is not set; add it to the environment"),
        "anthropic.system-parts": gettext_noop(
            "Anthropic takes images and files only in messages of the user and the assistant, "
            "not in instructions (system, developer)"
        ),
        "anthropic.no-model": gettext_noop(
            "anthropic needs a model, such as anthropic:claude-sonnet-4-5"
        ),
        "assertion.config-object": gettext_noop("config must be an object"),
        "assertion.no-type": gettext_noop("an assertion needs a type, such as contains"),
        "assertion.not-supported": gettext_noop(
            "assertions of the type %(kind)s are not supported"
        ),
        "assertion.provider": gettext_noop(
            "%(type)s: provider must be a string such as openai:gpt-4.1-mini"
        ),
        "assertion.secret": gettext_noop(
            "%(kind)s: %(secret)s is never read from a file; set it in the environment"
        ),
        "assertion.set-list": gettext_noop("assert must be a list of assertions"),
        "assertion.shape": gettext_noop(
            "an assertion must be an object with a type, such as {type: contains, value: …}"
        ),
        "assertion.unknown": gettext_noop("unknown assertion type “%(kind)s”%(hint)s"),
        "embedding.dimensions": gettext_noop(
            "the embeddings have different dimensions: %(left)d and %(right)d"
        ),
        "embedding.too-large": gettext_noop(
            "the embeddings contain numbers that are too large to compare"
        ),
        "embedding.zero": gettext_noop("an embedding is all zeros, so it has no direction"),
        "embeddings.broken-files": gettext_noop(
            "the files in %(folder)s cannot be read; delete them and run `make local-embeddings`"
        ),
        "embeddings.no-answers": gettext_noop(
            "local-embeddings only computes embeddings; select it with --embeddings"
        ),
        "embeddings.no-files": gettext_noop(
            "the local embedding model is not installed; run `make local-embeddings` once"
        ),
        "embeddings.no-runtime": gettext_noop(
            "onnxruntime is not installed; run `make local-embeddings` once"
        ),
        "embeddings.one-model": gettext_noop(
            "local-embeddings only has the model %(name)s, not “%(model)s”"
        ),
        "expression.arguments": gettext_noop("a function has too few or too many arguments"),
        "expression.deep": gettext_noop("brackets are nested more than %(most)s deep"),
        "expression.expected": gettext_noop("“%(token)s” is missing before “%(found)s”"),
        "expression.function": gettext_noop(
            "there is no function “%(name)s”; allowed functions: %(known)s"
        ),
        "expression.long": gettext_noop("an expression has at most %(most)s characters"),
        "expression.name": gettext_noop("“%(name)s” stands for nothing here"),
        "expression.sign": gettext_noop("“%(sign)s” cannot be read here"),
        "file.changed": gettext_noop(
            "%(name)s is not a regular file, or grew while it was being read"
        ),
        "file.hidden": gettext_noop(
            "%(name)s is hidden (its name begins with a dot); hidden files often contain "
            "keys and are not read"
        ),
        "file.holds-secret": gettext_noop(
            "%(name)s contains the value of %(variable)s; keep keys in the environment"
        ),
        "file.irregular": gettext_noop("%(name)s is not a regular file"),
        "file.name": gettext_noop("%(name)s is not a file name"),
        "file.not-below-root": gettext_noop("%(name)s is not below %(root)s"),
        "file.not-uploaded": gettext_noop(
            "%(name)s was not uploaded; upload it together with the suite"
        ),
        "file.outside": gettext_noop(
            "%(name)s is outside the configuration's folder; only files in it, in its git "
            "repository, in the folder of --root, or uploaded with it are read"
        ),
        "file.recorded-elsewhere": gettext_noop(
            "recorded answers can only be read by manage.py evaluate, from the machine it "
            "runs on; pages, stored suites and workers do not open files"
        ),
        "file.too-large": gettext_noop("%(name)s is larger than %(megabytes)s MB; split it"),
        "file.too-many-patterns": gettext_noop(
            "%(name)s expands to more than %(limit)s patterns; use fewer"
        ),
        "file.too-much-matching": gettext_noop(
            "the patterns match too many files; name the folders they should search"
        ),
        "file.unreadable": gettext_noop("%(name)s cannot be read: %(reason)s"),
        "finish.all-reasoning": gettext_noop(
            "The answer is empty: all tokens were spent on reasoning; raise the token limit"
        ),
        "finish.context-full": gettext_noop(
            "The answer was cut off because the model's context was full"
        ),
        "finish.cut": gettext_noop("The answer was cut off at the token limit"),
        "finish.empty": gettext_noop("The answer is empty"),
        "finish.empty-at-limit": gettext_noop(
            "The answer is empty: it was cut off at the token limit"
        ),
        "finish.filtered": gettext_noop("The content filter of the provider blocked the answer"),
        "finish.interrupted": gettext_noop("The provider interrupted the answer"),
        "finish.paused": gettext_noop("The model paused before its answer was complete"),
        "finish.unknown": gettext_noop("The model stopped for an unknown reason"),
        "gate.missing": gettext_noop("release gate %(key)s does not exist"),
        "gate.no-suite": gettext_noop("this suite does not exist or has been deleted"),
        "gate.twice": gettext_noop("This prompt already has a gate for this suite."),
        "gateway.broken-off": gettext_noop("%(reason)s; the rest of the answer is missing"),
        "gateway.daily-limit": gettext_noop(
            "this key may spend %(limit)s US dollars a day, which are used up; calls are "
            "accepted again tomorrow (UTC)"
        ),
        "gateway.no-price": gettext_noop(
            "this key may spend %(limit)s US dollars a day, but the price of the model is not "
            "known; set it in a model profile"
        ),
        "gateway.stream-options": gettext_noop("stream_options requires stream: true"),
        "gateway.client-gone": gettext_noop("the client has gone before there was an answer"),
        "gateway.field": gettext_noop("%(name)s: %(problem)s"),
        "gateway.json-for-anthropic": gettext_noop(
            "Anthropic has no JSON mode; use a response_format of the type json_schema"
        ),
        "gateway.model-and-prompt": gettext_noop(
            "with prompt_id, model must be “prompt” (the model of the version's configuration) "
            "or profile:NAME"
        ),
        "gateway.no-messages": gettext_noop("messages must contain at least one message"),
        "gateway.no-model": gettext_noop(
            'version %(number)d of “%(name)s” has no model; add {"profile": "NAME"} (a model '
            'profile), or {"provider": "openai", "model": "…"}, to its configuration'
        ),
        "gateway.no-profile": gettext_noop("there is no model profile “%(name)s”"),
        "gateway.no-provider": gettext_noop(
            "version %(number)d of “%(name)s” has the model “%(model)s” but no provider; add "
            '"provider" to its configuration, such as openai'
        ),
        "gateway.not-for-anthropic": gettext_noop(
            "“%(name)s” has no equivalent in Anthropic's API; leave it out"
        ),
        "gateway.one-answer": gettext_noop("n must be 1: one answer is returned for each request"),
        "gateway.schema-and-tools": gettext_noop(
            "Anthropic's models cannot be given tools and a response_format at once; leave one "
            "of them out"
        ),
        "gateway.tool-answer": gettext_noop(
            "message %(number)d: the role tool requires a tool_call_id, and no other role may "
            "have one"
        ),
        "gateway.tool-calls": gettext_noop(
            "message %(number)d: tool_calls must be a list of functions with id, name and "
            "arguments, in a message of the assistant"
        ),
        "gateway.tool-choice": gettext_noop(
            "tool_choice must be none, auto, required or a function"
        ),
        "gateway.unknown-model": gettext_noop(
            "there is no model “%(model)s”; use prompt:NAME, prompt:NAME@LABEL, "
            "prompt:NAME:VERSION or profile:NAME"
        ),
        "gateway.variables-of-profile": gettext_noop(
            "a model profile has no variables; leave out prompt_variables, or name a prompt"
        ),
        "gateway.without-prompt-id": gettext_noop(
            "%(name)s requires prompt_id; in model, write prompt:NAME@LABEL or prompt:NAME:VERSION"
        ),
        "http.all-refused": gettext_noop(
            "the %(which)s %(most)s requests were all rejected; the last error was: %(error)s"
        ),
        "http.asked-at": gettext_noop("%(error)s (requested at %(url)s)"),
        "http.certificate": gettext_noop(
            "the certificate of %(name)s at %(address)s is not trusted: %(reason)s; for a "
            "service of your own, set SSL_CERT_FILE to its CA certificate"
        ),
        "http.closed": gettext_noop("%(name)s closed the connection without responding"),
        "http.context": gettext_noop("the prompt is too long for this model at %(name)s"),
        "http.cut": gettext_noop("the response from %(name)s was cut off"),
        "http.dns-later": gettext_noop("the name %(host)s cannot be resolved at the moment (DNS)"),
        "http.empty": gettext_noop("the response from %(name)s is empty (%(status)s), not JSON"),
        "http.failed": gettext_noop("%(name)s failed"),
        "http.filtered": gettext_noop("the content filter of %(name)s blocked the prompt"),
        "http.gateway-timeout": gettext_noop("%(name)s: gateway timeout"),
        "http.long-wait": gettext_noop(
            "%(error)s (it asks for a wait of %(seconds)s s, so the request is not retried)"
        ),
        "http.no-credit": gettext_noop("%(name)s: quota or credit exhausted"),
        "http.no-host": gettext_noop("unknown host %(host)s (DNS lookup failed)"),
        "http.no-tls": gettext_noop(
            "%(name)s does not speak TLS (https) as expected at %(where)s: %(reason)s"
        ),
        "http.not-an-object": gettext_noop("the response from %(name)s is not a JSON object"),
        "http.not-json": gettext_noop("the response from %(name)s is not JSON"),
        "http.not-sent": gettext_noop("the request to %(name)s could not be sent: %(reason)s"),
        "http.not-utf8": gettext_noop(
            "the response from %(name)s is not UTF-8, which JSON requires"
        ),
        "http.page": gettext_noop(
            "the response from %(name)s is a web page, not JSON: “%(page)s”; check the URL, "
            "and whether a proxy or sign-in page is in between"
        ),
        "http.rate-limit": gettext_noop("%(name)s: too many requests"),
        "http.redirect": gettext_noop(
            "%(name)s answered with a redirect (%(status)s) to %(location)s, which is not "
            "followed; set the final URL instead"
        ),
        "http.refused": gettext_noop("%(name)s rejected the request"),
        "http.status": gettext_noop("%(what)s (%(status)s)"),
        "http.stream": gettext_noop(
            "the response from %(name)s is an event stream, not JSON, although no stream was "
            "requested; turn streaming off at the service"
        ),
        "http.timeout": gettext_noop("%(name)s did not respond within %(seconds)s s"),
        "http.too-long": gettext_noop("the response from %(name)s is larger than %(size)s MiB"),
        "http.unauthorized": gettext_noop("%(name)s rejected the API key"),
        "http.unreachable": gettext_noop("%(name)s is unreachable at %(where)s: %(cause)s"),
        "judge.better": gettext_noop("the judge's better must be one of %(known)s"),
        "judge.boolean": gettext_noop("the judge's %(key)s must be true or false, not %(shown)s"),
        "judge.category": gettext_noop("the judge's category must be one of %(known)s"),
        "judge.cut": gettext_noop(
            "the judge's reply was cut off at its token limit; raise the limit of the judge"
        ),
        "judge.echo": gettext_noop("the judge only repeated text from the answer"),
        "judge.filtered": gettext_noop(
            "the content filter of the judge's provider blocked the reply, so there is no verdict"
        ),
        "judge.keys": gettext_noop("the judge's reply %(reason)s %(known)s"),
        "judge.none": gettext_noop("%(type)s needs a judge; choose a model with --judge"),
        "judge.not-json": gettext_noop(
            "the judge did not reply with a single JSON object: %(shown)s"
        ),
        "judge.not-whole": gettext_noop("the judge's reply is incomplete: %(reason)s"),
        "judge.number": gettext_noop("the judge's %(key)s must be a number, not %(shown)s"),
        "judge.question": gettext_noop("the judge's question must be a string that is not empty"),
        "judge.range": gettext_noop("the judge's %(key)s must be between 0 and 1, not %(value)s"),
        "judge.reason": gettext_noop("the judge's reason must be a string"),
        "local.no-embeddings": gettext_noop("the local model does not offer embeddings"),
        "local.no-llama": gettext_noop("llama.cpp is not installed; run `make local-model` once"),
        "local.no-model": gettext_noop(
            "the local model is not installed; run `make local-model` once"
        ),
        "local.no-start": gettext_noop(
            "the local model did not start; run `make local-model` again"
        ),
        "misfit.missing": gettext_noop(
            "“%(column)s” requires %(names)s, which %(count)d of %(cases)d cases do "
            "not provide; these cases will be errors."
        ),
        "misfit.never-given": gettext_noop(
            "“%(column)s” uses %(names)s, which no case provides; it will be empty."
        ),
        "misfit.nothing-checked": gettext_noop(
            "No case has an assertion that can fail, so no answer will be checked: the "
            "run will have no pass rate and cannot satisfy a gate. Add assertions to "
            "the cases, or import the suite again with --assert."
        ),
        "misfit.unchecked": gettext_noop(
            "%(count)d of %(cases)d cases have no check that can fail: their answers will count "
            "neither as passed nor as failed."
        ),
        "misfit.unused": gettext_noop(
            "The cases provide %(names)s, which “%(column)s” does not use."
        ),
        "endpoint.body-not-json": gettext_noop(
            "the body is an object, but its content-type is “%(kind)s”; set application/json"
        ),
        "endpoint.error": gettext_noop("%(name)s answered with an error: %(error)s"),
        "endpoint.key-anywhere": gettext_noop(
            "%(name)s is a key, and the host of the address is only known with each case; write "
            "the host into the configuration"
        ),
        "endpoint.no-body": gettext_noop(
            "%(name)s needs a body or a request in its config, or method: GET"
        ),
        "endpoint.no-output": gettext_noop("the response from %(name)s has no output"),
        "endpoint.request-line": gettext_noop(
            "a raw request must begin with a line such as POST /chat HTTP/1.1, not “%(line)s”"
        ),
        "endpoint.template": gettext_noop("the request cannot be rendered: %(reason)s"),
        "endpoint.unsupported": gettext_noop(
            "“%(name)s” of an HTTP provider is not carried out here"
        ),
        "azure.no-address": gettext_noop(
            "azure needs the address of a resource: set %(variable)s, or apiHost in the config"
        ),
        "google.address": gettext_noop(
            "Google takes images and files only as data, not as addresses"
        ),
        "google.blocked": gettext_noop("Google refused the content (%(reason)s)"),
        "google.no-candidate": gettext_noop("the response from Google has no candidate"),
        "key.elsewhere": gettext_noop(
            "%(name)s is only sent to its own address; to allow this one, set "
            "%(setting)s=%(name)s=%(origin)s"
        ),
        "key.undeclared": gettext_noop(
            "%(name)s holds no key that may be used; set it, and %(setting)s=%(name)s=%(origin)s, "
            "which says where it may be sent"
        ),
        "openai.embeddings-count": gettext_noop("%(name)s returned %(counts)s"),
        "openai.no-choices": gettext_noop(
            "the response from %(name)s has no message: choices is empty"
        ),
        "openai.no-compatible-model": gettext_noop(
            "openai-compatible needs a model, such as openai-compatible:llama3.2"
        ),
        "openai.no-key": gettext_noop("%(key)s is not set; add it to the environment"),
        "openai.no-message": gettext_noop("the response from %(name)s has no message"),
        "openai.no-model": gettext_noop("openai needs a model, such as openai:gpt-4.1-mini"),
        "openai.no-vectors": gettext_noop("%(name)s returned no embeddings"),
        "openai.not-text": gettext_noop("the message from %(name)s is not text"),
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
        "otlp.cut": gettext_noop("%(count)s spans beyond the first %(most)s were not read"),
        "otlp.chunks": gettext_noop("the chunks of the body are malformed, or end early"),
        "otlp.cut-off": gettext_noop("the body is cut off: it is no OTLP request in protobuf"),
        "otlp.encoding": gettext_noop("Content-Encoding must be one of: %(encodings)s"),
        "otlp.field": gettext_noop("the body is no OTLP request: %(what)s"),
        "otlp.form": gettext_noop("Content-Type must be one of: %(forms)s"),
        "otlp.ids": gettext_noop(
            "%(count)s spans have no traceId of 32 or no spanId of 16 hexadecimal digits"
        ),
        "otlp.large-spans": gettext_noop(
            "%(count)s spans are larger than %(mebibytes)s MiB and were not read"
        ),
        "otlp.length": gettext_noop("send the body with a Content-Length header"),
        "otlp.later": gettext_noop(
            "the database cannot be used at the moment; send it again later"
        ),
        "otlp.not-compressed": gettext_noop(
            "the body is cut off, or not compressed with %(encoding)s"
        ),
        "otlp.not-json": gettext_noop("the body is not JSON"),
        "otlp.not-protobuf": gettext_noop("the body is no OTLP request in protobuf"),
        "otlp.number": gettext_noop("%(what)s must be a number, or a string that contains one"),
        "otlp.off": gettext_noop("traces are not accepted here: TRACES_KEPT_DAYS is 0"),
        "otlp.too-deep": gettext_noop("the body has too many levels of lists and objects"),
        "otlp.too-large": gettext_noop(
            "the body is larger than %(mebibytes)s MiB, decompressed; send less at once"
        ),
        "otlp.too-many-objects": gettext_noop(
            "the body has more than %(most)s objects; send less at once"
        ),
        "otlp.too-many-spans": gettext_noop(
            "the body has more than %(most)s spans, groups and fields; send less at once"
        ),
        "parts.file-address": gettext_noop(
            "OpenAI's chat API takes files only as data (data:application/pdf;base64,…), not by "
            "address"
        ),
        "parts.no-files": gettext_noop(
            "the prompt has a file, which this model does not take; choose another model, or "
            "leave the file out"
        ),
        "parts.no-images": gettext_noop(
            "the prompt has an image, which this model does not take; choose another model, or "
            "leave the image out"
        ),
        "parts.tool-arguments": gettext_noop(
            "the arguments of the call of %(name)s must be a JSON object"
        ),
        "parts.unencrypted": gettext_noop(
            "the address of an image or a file at %(host)s must begin with https://"
        ),
        "plugin.failed": gettext_noop(
            "%(package)s failed to build a provider for %(kind)s (%(name)s)"
        ),
        "plugin.no-method": gettext_noop(
            "the provider that %(package)s built for %(kind)s has no %(name)s"
        ),
        "plugin.ours": gettext_noop(
            "%(package)s provides “%(name)s”, which is built into AutoForge; rename it"
        ),
        "plugin.provider-kind": gettext_noop(
            "%(package)s cannot be used: “%(name)s” is not a valid provider kind; use "
            "lower-case letters, digits and hyphens, and no word that is reserved here"
        ),
        "plugin.scorer-name": gettext_noop(
            "%(package)s cannot be used: “%(name)s” is not a valid scorer name; use "
            "lower-case letters, digits and hyphens, and do not start with not-"
        ),
        "plugin.scorer-type": gettext_noop(
            "%(package)s cannot be used: %(target)s is %(kind)s; it must be a Scorer or a "
            "list of them"
        ),
        "plugin.twice": gettext_noop(
            "%(package)s and %(other)s both provide “%(name)s”, so neither is used; "
            "uninstall one of them"
        ),
        "plugin.unreadable": gettext_noop(
            "%(package)s cannot be used: loading %(target)s failed (%(why)s)"
        ),
        "promptfoo.chat-json": gettext_noop(
            "the prompt looks like JSON, and is none once it is filled: %(reason)s"
        ),
        "promptfoo.chat-part": gettext_noop("the chat has a part that cannot be sent: %(reason)s"),
        "promptfoo.chat-yaml": gettext_noop(
            "the prompt begins like a chat in YAML, and is none once it is filled: %(reason)s"
        ),
        "promptfoo.code": gettext_noop(
            "“%(reference)s” would run code, which AutoForge never does"
        ),
        "promptfoo.csv-number": gettext_noop("%(name)s must be a number, not “%(cell)s”"),
        "promptfoo.csv-orphan": gettext_noop(
            "%(name)s has no matching __expected%(found)s in this row"
        ),
        "promptfoo.default-test": gettext_noop(
            "defaultTest must be an object, or a file that contains one"
        ),
        "promptfoo.entries": gettext_noop("%(key)s must map names to values"),
        "promptfoo.derived-metric": gettext_noop(
            "a derived metric must be an object with “name” and “value”, an expression"
        ),
        "promptfoo.evaluate-options": gettext_noop("evaluateOptions must be an object"),
        "promptfoo.file-cycle": gettext_noop("“%(reference)s” refers back to itself"),
        "promptfoo.filled-too-long": gettext_noop(
            "the variables of this file expand to more than %(most)s characters in total; "
            "split the file"
        ),
        "promptfoo.function": gettext_noop("function would run code, which AutoForge never does"),
        "promptfoo.names": gettext_noop("%(key)s must be a list of names"),
        "promptfoo.no-file": gettext_noop("%(raw)s cannot be read: no such file"),
        "promptfoo.no-match": gettext_noop("no file matches “%(reference)s”"),
        "promptfoo.no-prompt": gettext_noop("%(name)s contains no prompt"),
        "promptfoo.no-tests": gettext_noop("no tests: “%(what)s” contains none"),
        "promptfoo.not-text": gettext_noop(
            "“%(reference)s” is not a text file; only text can be sent here"
        ),
        "promptfoo.no-output": gettext_noop(
            "“%(reference)s” must return an object with its output: %(why)s"
        ),
        "promptfoo.transform-vars": gettext_noop(
            "transformVars must return an object of variables: “%(reference)s”"
        ),
        "promptfoo.program": gettext_noop("“%(reference)s” cannot be run: %(why)s"),
        "promptfoo.program-files": gettext_noop("“%(reference)s” %(why)s"),
        "promptfoo.prompt-config": gettext_noop("config of a prompt must be an object"),
        "promptfoo.prompt-shape": gettext_noop(
            "a prompt must be a string, a file, or an object with raw or id"
        ),
        "promptfoo.prompt-suffix": gettext_noop(
            "a prompt file must end in %(there)s, not “%(suffix)s”"
        ),
        "promptfoo.reference": gettext_noop("$ref “%(reference)s” cannot be resolved"),
        "promptfoo.remote": gettext_noop(
            "“%(reference)s” is not on this machine; save it as a local file"
        ),
        "promptfoo.scenario": gettext_noop("a scenario must be an object with config"),
        "promptfoo.rubric-prompt": gettext_noop(
            "rubricPrompt must be a string, or a list of messages whose content is a string"
        ),
        "promptfoo.secret": gettext_noop(
            "%(secret)s is never read from a file; set it in the environment"
        ),
        "promptfoo.shape": gettext_noop("a configuration must be an object with prompts and tests"),
        "promptfoo.test-fields": gettext_noop("a test must be an object with vars and assert"),
        "promptfoo.test-shape": gettext_noop(
            "a test must be an object with vars and assert, or a file"
        ),
        "promptfoo.too-many-cases": gettext_noop(
            "this expands to %(count)s cases; at most %(most)s are allowed. Use shorter "
            "lists, or split the file"
        ),
        "promptfoo.too-many-lists": gettext_noop(
            "the file lists refer to more than %(limit)s files"
        ),
        "promptfoo.unknown-reference": gettext_noop(
            "there is no %(kind)s “%(reference)s”; available: %(there)s"
        ),
        "promptfoo.unknown-template": gettext_noop("unknown assertion template “%(name)s”"),
        "promptfoo.value-file": gettext_noop(
            "“%(value)s” must be a .txt, .json, .yaml or .yml file"
        ),
        "promptfoo.values-too-long": gettext_noop(
            "the variables expand to more than %(most)s characters when filled into each "
            "other; use shorter values"
        ),
        "promptfoo.variable": gettext_noop(
            "the variable %(name)s contains a key or an address, neither of which may enter "
            "prompts, cases or answers"
        ),
        "promptfoo.vars": gettext_noop("vars must map names to values, or list files that do"),
        "promptfoo.vars-file": gettext_noop("a variables file must map names to values"),
        "promptfoo.whole-number": gettext_noop("%(key)s must be an integer %(allowed)s"),
        "provider.code": gettext_noop("“%(text)s” would run code, which AutoForge never does"),
        "provider.concurrency": gettext_noop("concurrency must be an integer from 1 to %(limit)s"),
        "provider.config-object": gettext_noop("the config of %(spec)s must be an object"),
        "provider.list": gettext_noop(
            "“%(text)s” is a list of models; only a configuration file can refer to it"
        ),
        "provider.needs": gettext_noop("%(kind)s needs %(what)s, such as %(examples)s"),
        "provider.no-embeddings": gettext_noop("%(name)s does not offer embeddings"),
        "provider.no-id": gettext_noop(
            "a provider object needs a string id, such as openai:gpt-4.1-mini"
        ),
        "provider.not-chat": gettext_noop(
            "“%(text)s” is not a chat model; use %(kind)s:MODEL with a model that answers messages"
        ),
        "provider.prompts": gettext_noop(
            "the prompts of %(spec)s must be a string or a list of strings"
        ),
        "provider.secret": gettext_noop(
            "%(spec)s: %(path)s is never read from a file; set it in the environment"
        ),
        "provider.shape": gettext_noop(
            "a provider must be a string such as openai:gpt-4.1-mini, or an object with an id"
        ),
        "provider.unknown": gettext_noop("unknown provider “%(kind)s”; %(hint)s"),
        "transform.failed": gettext_noop("%(what)s failed: %(error)s"),
        "transform.nothing-there": gettext_noop("the response has nothing at %(path)s"),
        "service.no-model": gettext_noop("%(kind)s needs a model, such as %(kind)s:MODEL"),
        "record.no-cases": gettext_noop(
            "none of the records says what was asked, so there is nothing to test"
        ),
        "record.none-chosen": gettext_noop("choose at least one record"),
        "record.suite-or-name": gettext_noop("choose a test suite, or name a new one"),
        "record.too-many": gettext_noop(
            "%(count)s records are chosen; choose %(most)s at most at a time"
        ),
        "record.variable-name": gettext_noop(
            "must be a name of letters, digits and underscores that does not begin with a digit"
        ),
        "replay.entry": gettext_noop("needs prompt (or messages) and output"),
        "replay.file": gettext_noop("replay: %(error)s"),
        "replay.message": gettext_noop("a message must have a role and a content"),
        "replay.no-answer": gettext_noop("no response was recorded for this prompt"),
        "replay.shape": gettext_noop("%(path)s %(sentence)s with prompt (or messages) and output"),
        "result.read-only": gettext_noop("run results are read-only"),
        "rating.people": gettext_noop(
            "ratings are what people say: send a person's session token instead of a key"
        ),
        "report.format": gettext_noop("there is no such format of reports; formats: %(names)s"),
        "run.busy": gettext_noop(
            "a worker is processing this run; wait until it finishes, or cancel it"
        ),
        "run.case": gettext_noop("case “%(name)s”: %(error)s"),
        "run.case-too-large": gettext_noop(
            "the case “%(name)s” is too large for the database (%(reason)s)"
        ),
        "run.complete": gettext_noop("this run is complete; there is nothing left to do"),
        "run.ended": gettext_noop("this run has ended; resume it to continue"),
        "run.missing": gettext_noop(
            "there is no run “%(text)s”; give at least 8 characters of its ID"
        ),
        "run.needs-embeddings": gettext_noop(
            "some cases compare meaning; choose an embedding model, such as --embeddings "
            "openai:text-embedding-3-small"
        ),
        "run.needs-judge": gettext_noop(
            "some cases need a judge; choose a model, such as --judge openai:gpt-4.1-mini"
        ),
        "run.no-baseline": gettext_noop("there is no completed run %(key)s to compare with"),
        "run.no-cases": gettext_noop("there are no enabled cases to run"),
        "run.no-grader": gettext_noop("this run has no model for: %(need)s"),
        "run.no-model": gettext_noop(
            "this run was created without the model %(name)s; create a new run"
        ),
        "run.no-suite": gettext_noop(
            "the cases of this run came from a file or their suite is deleted; rescore it with "
            "manage.py evaluate --rescore"
        ),
        "run.nothing-to-ask": gettext_noop("a run needs a prompt and a model"),
        "run.price-unknown": gettext_noop(
            "a cost limit requires prices, but the price of %(names)s is unknown; set it in "
            "a model profile"
        ),
        "run.taken": gettext_noop(
            "another worker holds this run; it can be taken over once its lease expires"
        ),
        "schema.depth": gettext_noop("%(what)s: nested too deeply, or refers to itself"),
        "schema.dialect": gettext_noop("invalid JSON Schema: $schema must be a string"),
        "schema.invalid": gettext_noop("invalid JSON Schema: %(message)s"),
        "schema.no-target": gettext_noop(
            "the JSON Schema cannot be used: it refers to “%(reference)s”, which it does not define"
        ),
        "schema.regex": gettext_noop(
            "“%(pattern)s” is not a valid JavaScript regular expression: %(error)s"
        ),
        "schema.regex-effort": gettext_noop(
            "the regular expressions in the JSON Schema took more than %(seconds)s s"
        ),
        "schema.unevaluated": gettext_noop(
            "the JSON Schema cannot be used: unevaluatedProperties beside patternProperties "
            "is not supported"
        ),
        "script.failed": gettext_noop("“%(script)s” cannot be run: %(error)s"),
        "script.no-file": gettext_noop(
            "“%(file)s” is not in the suite; import it together with the file"
        ),
        "script.no-prompt": gettext_noop(
            "“%(script)s” must return a prompt, as a string or an object, not %(type)s"
        ),
        "script.nothing": gettext_noop("the transform “%(script)s” returned nothing"),
        "script.prompt-config": gettext_noop(
            "“%(script)s” returns settings of the model with its prompt, which are not supported; "
            "set them in the provider's config"
        ),
        "script.shape": gettext_noop("a script must be an object of texts"),
        "script.threw": gettext_noop("“%(script)s” threw %(error)s"),
        "script.transform": gettext_noop("the transform “%(script)s” cannot be run: %(error)s"),
        "script.transform-threw": gettext_noop("the transform “%(script)s” threw %(error)s"),
        "scorer.comma": gettext_noop("a quoted value in the list must be followed by a comma"),
        "scorer.effort": gettext_noop("scoring this answer by %(type)s %(error)s"),
        "scorer.finish-reason": gettext_noop(
            "finish-reason needs a string as its value, such as stop"
        ),
        "scorer.json-schema": gettext_noop(
            "%(type)s needs a JSON Schema: an object, or a string that contains one"
        ),
        "scorer.levenshtein": gettext_noop("levenshtein needs a string as its value"),
        "scorer.list": gettext_noop("%(type)s needs a list or a comma-separated string"),
        "scorer.no-cost": gettext_noop(
            "the cost of the answer is unknown; set a price for the model"
        ),
        "retrieval.no-context": gettext_noop(
            "%(type)s needs the variable “context”, the texts that were retrieved"
        ),
        "retrieval.no-truth": gettext_noop(
            "%(type)s needs a value: what the context should contain"
        ),
        "scorer.no-embeddings": gettext_noop(
            "%(type)s needs embeddings; choose a model with --embeddings"
        ),
        "scorer.no-latency": gettext_noop(
            "cached or recorded answers have no latency; run without the cache"
        ),
        "scorer.no-logprobs": gettext_noop(
            "%(type)s needs token probabilities, but the provider returned none"
        ),
        "scorer.no-method": gettext_noop("%(scorer)s cannot score"),
        "scorer.numeric": gettext_noop(
            "numeric needs a number as its value or as the expected answer"
        ),
        "scorer.open-quote": gettext_noop("a quotation mark in the list of values is never closed"),
        "scorer.pairwise": gettext_noop(
            "pairwise needs a string as its value, or an expected answer in the case"
        ),
        "scorer.regex-effort": gettext_noop(
            "the regular expression “%(pattern)s” took more than %(seconds)s s or too much memory"
        ),
        "scorer.rouge": gettext_noop("rouge-n needs a string as its value"),
        "scorer.rubric": gettext_noop("%(type)s needs a string as its value"),
        "scorer.schema-aliases": gettext_noop(
            "the schema uses YAML aliases (*name), which could make it endless"
        ),
        "scorer.schema-depth": gettext_noop("the schema is nested too deeply"),
        "scorer.schema-object": gettext_noop("the schema must be an object"),
        "scorer.schema-syntax": gettext_noop(
            "the schema is neither valid JSON nor valid YAML: %(reason)s"
        ),
        "scorer.text": gettext_noop("%(type)s needs a non-empty string as its value"),
        "scorer.text-or-number": gettext_noop(
            "%(type)s needs a non-empty string or a number as its value"
        ),
        "scorer.texts": gettext_noop("%(type)s needs a string or a list of strings as its value"),
        "scorer.threshold": gettext_noop("%(type)s needs a threshold"),
        "scorer.tolerance": gettext_noop("%(name)s must be a number, 0 or more"),
        "scorer.too-deep": gettext_noop("the value of %(type)s is nested too deeply"),
        "scorer.too-many-braces": gettext_noop(
            "the answer has too many braces to search all of it for JSON"
        ),
        "scorer.tools": gettext_noop(
            "tool-call-f1 needs tool names: a list or a comma-separated string"
        ),
        "scorer.unknown": gettext_noop("unknown assertion type “%(name)s”; %(hint)s"),
        "scorer.word-count": gettext_noop(
            "word-count needs a number, or an object with min and max"
        ),
        "scorer.word-count-bounds": gettext_noop("word-count needs min, max or both, as numbers"),
        "scorer.word-count-order": gettext_noop(
            "word-count: min %(low)s is greater than max %(high)s"
        ),
        "scorer.words": gettext_noop("words must be one of %(known)s, not “%(how)s”"),
        "scorer.xml-effort": gettext_noop(
            "the answer contains so much broken nested markup that only %(limit)s characters "
            "of it were searched for XML"
        ),
        "scorer.xml-object": gettext_noop(
            "%(type)s needs an object with a list named requiredElements"
        ),
        "scorer.xml-paths": gettext_noop(
            "%(type)s needs paths such as a.b,c, a list of paths, or no value"
        ),
        "stored.newer": gettext_noop(
            "the stored %(kind)s has version %(version)s, of a newer AutoForge; update this one"
        ),
        "stored.unreadable": gettext_noop("the stored %(kind)s cannot be read: %(error)s"),
        "suite.assertion": gettext_noop("Assertion %(number)d: %(problem)s"),
        "suite.case-exists": gettext_noop("this suite already has a case “%(name)s”"),
        "suite.case-name": gettext_noop("a case needs a name of 1 to %(limit)s characters"),
        "suite.case-object": gettext_noop("a case must be an object"),
        "suite.case-shape": gettext_noop("a case must be an object with a name"),
        "suite.case-twice": gettext_noop("another case is already named “%(case)s”"),
        "suite.empty": gettext_noop("no tests: the file contains no cases"),
        "suite.exists": gettext_noop(
            "a suite with the name “%(name)s” already exists; rename this one or replace its cases"
        ),
        "suite.file-reference": gettext_noop(
            "“%(name)s” refers to a file, and files are not read here. Paste its text, "
            "or import the suite together with its files."
        ),
        "suite.file-too-large": gettext_noop("the file is larger than 50 MiB; split it"),
        "suite.key-twice": gettext_noop("duplicate key “%(key)s”"),
        "suite.kind": gettext_noop("a suite must begin with “autoforge: %(kind)s”"),
        "suite.missing": gettext_noop(
            "there is no test suite “%(name)s”; available suites: %(names)s"
        ),
        "suite.name-taken": gettext_noop("a test suite with the name “%(name)s” already exists"),
        "suite.no-name": gettext_noop("a suite needs a name"),
        "suite.no-tests-because": gettext_noop("no tests: %(error)s"),
        "suite.number": gettext_noop("%(name)s must be a number%(range)s"),
        "suite.suffix": gettext_noop("the name must end in %(known)s"),
        "suite.syntax": gettext_noop("not valid YAML or JSON: %(reason)s"),
        "suite.text": gettext_noop("%(key)s must be a string"),
        "suite.too-deep": gettext_noop(
            "too many values, or nested too deeply (aliases can multiply values)"
        ),
        "suite.unknown-key": gettext_noop("unknown key “%(key)s”; allowed keys: %(there)s"),
        "suite.upload-format": gettext_noop(
            "the format is unknown: send its content type or format=…, one of %(names)s"
        ),
        "suite.value-type": gettext_noop("%(key)s must be %(names)s"),
        "table.case-twice": gettext_noop(
            "two cases are named “%(name)s”; map a different column to name"
        ),
        "table.check-form": gettext_noop(
            "a check must be an assertion type or a JSON object: %(error)s"
        ),
        "table.mapped-twice": gettext_noop("the column “%(column)s” is mapped twice"),
        "table.mapping-form": gettext_noop(
            "“%(text)s” is not a mapping; write PART=COLUMN, such as expected=Answer"
        ),
        "table.no-column": gettext_noop(
            "there is no column “%(name)s”; available columns: %(columns)s"
        ),
        "table.object": gettext_noop("%(column)s must be a JSON object"),
        "table.option": gettext_noop(
            "only applies to plain tables, but this file is %(kind)s; leave it out"
        ),
        "table.part-twice": gettext_noop(
            "the columns “%(one)s” and “%(other)s” are both %(part)s; rename one"
        ),
        "table.unknown-part": gettext_noop(
            "unknown part “%(part)s”; available: %(parts)s and variables.NAME"
        ),
        "table.value-type": gettext_noop("%(part)s must be %(kind)s, not “%(value)s”"),
        "upload.file-twice": gettext_noop("two files are named “%(member)s”"),
        "upload.not-zip": gettext_noop("%(file)s is not a ZIP file, or it is damaged"),
        "upload.packing": gettext_noop(
            "“%(name)s” is encrypted or uses an unsupported compression method"
        ),
        "upload.too-large": gettext_noop("the files are larger than %(megabytes)s MB in total"),
        "upload.too-many-files": gettext_noop("there are more than %(limit)s files"),
        "upload.unsafe-name": gettext_noop(
            "contains a file name that is too long or points outside the archive"
        ),
        "verdict.better": gettext_noop(
            "%(new)s is better than %(old)s: %(difference)s points, 95%% CI %(low)s to "
            "%(high)s, p-value %(p)s. Cases: %(fixed)d fixed, %(broken)d broken."
        ),
        "verdict.nothing": gettext_noop(
            "%(new)s and %(old)s cannot be compared: no case was scored in both."
        ),
        "verdict.same": gettext_noop(
            "No significant difference between %(new)s and %(old)s: %(difference)s "
            "points, 95%% CI %(low)s to %(high)s, p-value %(p)s. Cases: %(fixed)d "
            "fixed, %(broken)d broken; %(pairs)d can only detect %(smallest)s points "
            "or more. Add cases to detect less."
        ),
        "verdict.score-better": gettext_noop(
            "%(new)s scores higher than %(old)s: mean score %(score)s points, 95%% CI "
            "%(score_low)s to %(score_high)s, p-value %(score_p)s. Cases: %(fixed)d "
            "fixed, %(broken)d broken (p-value %(p)s)."
        ),
        "verdict.score-worse": gettext_noop(
            "%(new)s scores lower than %(old)s: mean score %(score)s points, 95%% CI "
            "%(score_low)s to %(score_high)s, p-value %(score_p)s. Cases: %(fixed)d "
            "fixed, %(broken)d broken (p-value %(p)s)."
        ),
        "verdict.too-few": gettext_noop(
            "Too few cases to compare %(new)s with %(old)s: %(pairs)d were scored in "
            "both, and fewer than 6 can never show a significant difference; %(fixed)d "
            "fixed, %(broken)d broken."
        ),
        "verdict.worse": gettext_noop(
            "%(new)s is worse than %(old)s: %(difference)s points, 95%% CI %(low)s to "
            "%(high)s, p-value %(p)s. Cases: %(fixed)d fixed, %(broken)d broken."
        ),
    }
)
