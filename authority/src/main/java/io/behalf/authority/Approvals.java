package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Audience;
import io.behalf.authority.AuthorityConfig.Risk;
import io.behalf.authority.OAuthError.Code;
import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.ApprovedTask;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A person's approval of one task in the browser: authorization code with PAR and PKCE, and two round trips to the
 * person's own provider.
 *
 * <pre>
 * agent    POST /oauth/par                    the request, authenticated; nothing of it passes through the browser
 * browser  GET  /oauth/authorize              to the provider: who is this?
 * browser  GET  /oauth/callback               identified; to the page
 * browser  GET  /oauth/approve                what may be granted, in plain words
 * browser  POST /oauth/approve                the choice fixes the text; to the provider: sign a login for this text
 * browser  GET  /oauth/callback               same person, nonce fits: recorded; back to the agent with a code
 * agent    POST /oauth/token                  the code, once, with the PKCE secret and the key
 * </pre>
 *
 * The second login's nonce is a digest of the text, so the provider's signature under it cannot exist without that
 * person's sign-in for exactly this text. Every step hangs on a handle that is valid once and on the browser's cookie: an
 * answer that is carried into another browser leads nowhere.
 */
final class Approvals {
    static final String PAR = "/oauth/par";
    static final String AUTHORIZE = "/oauth/authorize";
    static final String CALLBACK = "/oauth/callback";
    static final String PAGE = "/oauth/approve";
    static final String COOKIE = "behalf-approval";

    static final Duration PUSHED_LIFE = Duration.ofSeconds(90);
    static final Duration FLOW_LIFE = Duration.ofMinutes(15);
    static final Duration CODE_LIFE = Duration.ofSeconds(60);

    private static final String REQUEST_URI = "urn:ietf:params:oauth:request_uri:";

    /** OpenID Connect Core 1.0 §3.1.2.6: what a provider says when it cannot do without asking the person. */
    private static final Set<String> MUST_ASK =
            Set.of("login_required", "interaction_required", "consent_required", "account_selection_required");

    /** Shorter ends that the page offers, where the task is longer. */
    private static final List<Duration> SHORTER = List.of(Duration.ofHours(1), Duration.ofHours(4), Duration.ofDays(1));

    private static final String START_AGAIN = "This page is no longer valid. Go back to the agent and start again.";

    private final Parts parts;
    private final Starts starts;
    private final Stops stops;
    private final Fetch fetch;
    private final Pages pages = new Pages();

    Approvals(Parts parts, Starts starts, Stops stops, Fetch fetch) {
        this.parts = parts;
        this.starts = starts;
        this.stops = stops;
        this.fetch = fetch;
    }

    // ---- 1: the agent pushes its request

    /** @param proved thumbprint of the key of a DPoP proof that came along */
    Answer<Map<String, @Nullable Object>> push(Form form, Agent agent, Optional<String> proved) {
        Answer<Wish> wish = Wish.read(form, parts.config());
        if (!(wish instanceof Answer.Ok<Wish>(var asked))) {
            return wish.refused();
        }
        Answer<BehalfTask> allowed = starts.allowed(asked, agent, Optional.empty());
        if (!(allowed instanceof Answer.Ok<BehalfTask>(var task))) {
            return allowed.refused();
        }
        return PushedRequest.read(form, agent, proved, task, asked.audience(), parts.providers())
                .map(request -> {
                    String handle = parts.handle();
                    put(Shelf.Kind.PUSHED_REQUEST, handle, request.toJson(), PUSHED_LIFE);
                    return Map.of("request_uri", REQUEST_URI + handle, "expires_in", PUSHED_LIFE.toSeconds());
                });
    }

    // ---- 2: the browser comes, and goes to the provider

    Reply authorize(Ask ask) {
        Instant now = parts.now();
        Optional<String> handle = ask.form()
                .one("request_uri")
                .filter(uri -> uri.startsWith(REQUEST_URI))
                .map(uri -> uri.substring(REQUEST_URI.length()));
        if (handle.isEmpty()) {
            return problem(400, "The agent did not announce this request first (PAR).");
        }
        Optional<PushedRequest> pushed = parts.store().transaction(sql -> parts.shelf()
                .look(sql, Shelf.Kind.PUSHED_REQUEST, handle.get(), now)
                .map(PushedRequest::fromJson)
                .filter(request -> ask.form().one("client_id").equals(Optional.of(request.agent())))
                .filter(request -> parts.shelf()
                        .take(sql, Shelf.Kind.PUSHED_REQUEST, handle.get(), now)
                        .isPresent()));
        if (pushed.isEmpty()) {
            return problem(400, START_AGAIN);
        }
        String browser = ask.cookie().filter(value -> value.length() == 43).orElseGet(parts::handle);
        Login login =
                new Login(pushed.get(), Digests.hex(browser), parts.handle(), parts.handle(), "", Optional.empty());
        return toProvider(login).with("Set-Cookie", cookie(browser));
    }

    /**
     * A round trip to the provider that is under way.
     *
     * @param browser digest of the cookie
     * @param nonce that the ID token must have
     * @param verifier PKCE, towards the provider
     * @param prompt of OpenID Connect Core §3.1.2.1: not to ask, to ask anew, or empty
     * @param choice the approval that waits for the provider's signature; empty in the first round trip
     */
    private record Login(
            PushedRequest request,
            String browser,
            String nonce,
            String verifier,
            String prompt,
            Optional<Choice> choice) {
        Map<String, @Nullable Object> toJson() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("request", request.toJson());
            out.put("browser", browser);
            out.put("nonce", nonce);
            out.put("verifier", verifier);
            out.put("prompt", prompt);
            choice.ifPresent(c -> out.put("choice", c.toJson()));
            return out;
        }

        static Login fromJson(Map<String, @Nullable Object> json) {
            return new Login(
                    PushedRequest.fromJson(Shelf.object(json, "request")),
                    Shelf.text(json, "browser"),
                    Shelf.text(json, "nonce"),
                    Shelf.text(json, "verifier"),
                    Shelf.text(json, "prompt"),
                    json.containsKey("choice")
                            ? Optional.of(Choice.fromJson(Shelf.object(json, "choice")))
                            : Optional.empty());
        }
    }

    private Reply toProvider(Login login) {
        AuthorityConfig.Provider provider =
                parts.providers().named(login.request().provider()).orElseThrow();
        String state = parts.handle();
        put(Shelf.Kind.LOGIN, state, login.toJson(), FLOW_LIFE);
        Map<String, String> query = new LinkedHashMap<>();
        query.put("response_type", "code");
        query.put("client_id", provider.clientId());
        query.put("redirect_uri", parts.config().issuer() + CALLBACK);
        query.put("scope", "openid profile email");
        query.put("state", state);
        query.put("nonce", login.nonce());
        query.put("code_challenge", challenge(login.verifier()));
        query.put("code_challenge_method", "S256");
        if (!login.prompt().isEmpty()) {
            query.put("prompt", login.prompt());
        }
        if (login.prompt().equals("login")) {
            query.put("max_age", "0"); // makes auth_time a must in the answer
        }
        login.request().loginHint().ifPresent(hint -> query.put("login_hint", hint));
        String endpoint = parts.providers().known(provider).authorizationEndpoint();
        return Reply.redirect(endpoint + (endpoint.contains("?") ? "&" : "?") + DevelopmentProvider.query(query));
    }

    // ---- 3 and 6: the provider sends the browser back

    Reply callback(Ask ask) {
        Optional<Login> waiting = ask.form().one("state").flatMap(state -> parts.store()
                .transaction(sql -> parts.shelf()
                        .look(sql, Shelf.Kind.LOGIN, state, parts.now())
                        .map(Login::fromJson)
                        .filter(login -> sameBrowser(ask, login.browser()))
                        .filter(login -> parts.shelf()
                                .take(sql, Shelf.Kind.LOGIN, state, parts.now())
                                .isPresent())));
        if (waiting.isEmpty()) {
            return problem(400, START_AGAIN);
        }
        Login login = waiting.get();
        AuthorityConfig.Provider provider =
                parts.providers().named(login.request().provider()).orElseThrow();
        if (ask.form().one("iss").filter(iss -> !iss.equals(provider.issuer())).isPresent()) {
            return problem(400, START_AGAIN); // RFC 9207 §2.4: the answer of another provider
        }
        Optional<String> error = ask.form().one("error");
        if (error.isPresent()) {
            return MUST_ASK.contains(error.get()) && login.prompt().equals("none")
                    ? again(login)
                    : denied(login.request(), "The sign-in did not succeed.");
        }
        Optional<String> code = ask.form().one("code");
        if (code.isEmpty()) {
            return problem(400, START_AGAIN);
        }
        Answer<SignedToken> token = idToken(provider, code.get(), login);
        return switch (token) {
            case Answer.No<SignedToken>(var no) -> denied(login.request(), no.description());
            case Answer.Ok<SignedToken>(var signed) ->
                login.choice().isPresent() ? approve(login, login.choice().get(), signed) : identified(login, signed);
        };
    }

    /** The provider wants to see the person after all; the text, and so what is signed, stays. */
    private Reply again(Login login) {
        return toProvider(
                new Login(login.request(), login.browser(), login.nonce(), parts.handle(), "", login.choice()));
    }

    private record SignedToken(String text, Providers.Signed signed) {}

    /** OpenID Connect Core 1.0 §3.1.3.3 and §3.1.3.7. */
    private Answer<SignedToken> idToken(AuthorityConfig.Provider provider, String code, Login login) {
        Map<String, String> form = new LinkedHashMap<>();
        form.put("grant_type", "authorization_code");
        form.put("code", code);
        form.put("redirect_uri", parts.config().issuer() + CALLBACK);
        form.put("code_verifier", login.verifier());
        Optional<String> basic = provider.clientSecret().map(secret -> basic(provider.clientId(), secret));
        if (basic.isEmpty()) {
            form.put("client_id", provider.clientId());
        }
        Fetch.Got got =
                fetch.post(parts.providers().known(provider).tokenEndpoint(), DevelopmentProvider.query(form), basic);
        if (got.status() != 200 || !(got.json().get("id_token") instanceof String text)) {
            return Answer.no(Code.ACCESS_DENIED, "The provider did not confirm the sign-in.");
        }
        Answer<Providers.Signed> checked = parts.providers().signed(text, "ID token");
        if (!(checked instanceof Answer.Ok<Providers.Signed>(var signed))) {
            return checked.refused();
        }
        List<String> audience = signed.audience();
        boolean forUs = audience.contains(provider.clientId())
                && (audience.size() == 1 || signed.text("azp").equals(Optional.of(provider.clientId())));
        boolean fits = signed.provider().name().equals(provider.name())
                && signed.text("nonce").equals(Optional.of(login.nonce()));
        return forUs && fits
                ? Answer.ok(new SignedToken(text, signed))
                : Answer.no(Code.ACCESS_DENIED, "The provider's answer does not belong to this sign-in.");
    }

    private Reply identified(Login login, SignedToken person) {
        Agent agent = parts.agents().find(login.request().agent()).orElseThrow();
        Wish wish = new Wish(Optional.of(login.request().task()), Optional.empty(), audience(login.request()));
        Answer<BehalfTask> allowed = starts.allowed(wish, agent, Optional.of(person.signed()));
        if (!(allowed instanceof Answer.Ok<BehalfTask>(var offered))) {
            return denied(login.request(), "Nothing of what the agent asks for is allowed to you.");
        }
        String handle = parts.handle();
        Waiting waiting =
                new Waiting(login.request(), login.browser(), parts.handle(), person.text(), offered, parts.now());
        put(Shelf.Kind.APPROVAL, handle, waiting.toJson(), FLOW_LIFE);
        return Reply.redirect(parts.config().issuer() + PAGE + "?flow=" + handle);
    }

    // ---- 4: the page

    /**
     * An identified person before the page.
     *
     * @param csrf what the form must bring back
     * @param idToken of the first round trip, checked
     * @param offered what may be granted
     */
    private record Waiting(
            PushedRequest request, String browser, String csrf, String idToken, BehalfTask offered, Instant since) {
        Map<String, @Nullable Object> toJson() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("request", request.toJson());
            out.put("browser", browser);
            out.put("csrf", csrf);
            out.put("id_token", idToken);
            out.put("offered", offered.toJson());
            out.put("since", since.toEpochMilli());
            return out;
        }

        static Waiting fromJson(Map<String, @Nullable Object> json) {
            return new Waiting(
                    PushedRequest.fromJson(Shelf.object(json, "request")),
                    Shelf.text(json, "browser"),
                    Shelf.text(json, "csrf"),
                    Shelf.text(json, "id_token"),
                    TaskTable.behalfTask(json.get("offered")),
                    Instant.ofEpochMilli(json.get("since") instanceof Long millis ? millis : 0));
        }
    }

    Reply page(Ask ask) {
        String flow = ask.form().one("flow").orElse("");
        Optional<Waiting> waiting = parts.store()
                .transaction(sql -> parts.shelf().look(sql, Shelf.Kind.APPROVAL, flow, parts.now()))
                .map(Waiting::fromJson)
                .filter(w -> sameBrowser(ask, w.browser()));
        return waiting.isPresent() ? page(200, flow, waiting.get(), "") : problem(400, START_AGAIN);
    }

    private Reply page(int status, String flow, Waiting waiting, String problem) {
        Agent agent = parts.agents().find(waiting.request().agent()).orElseThrow();
        Map<String, @Nullable Object> shown = new LinkedHashMap<>();
        shown.put("action", parts.config().issuer() + PAGE);
        shown.put("flow", flow);
        shown.put("csrf", waiting.csrf());
        shown.put("agent", agent.displayName());
        shown.put("agentId", agent.id());
        shown.put("backTo", URI.create(waiting.request().redirectUri()).getAuthority());
        shown.put("person", starts.person(read(waiting)).display());
        shown.put("description", waiting.offered().description());
        shown.put("items", items(waiting.offered().scope()));
        shown.put(
                "ends",
                ends(waiting.offered()).stream()
                        .map(end -> Map.of("seconds", String.valueOf(end.seconds()), "label", end.label()))
                        .toList());
        shown.put("limits", ApprovalText.limits(waiting.offered().limits()).orElse(""));
        shown.put("problem", problem);
        return pages.show(status, "approve", shown);
    }

    private List<Map<String, String>> items(Scope scope) {
        List<Map<String, String>> out = new ArrayList<>();
        for (ApprovalText.Item item : parts.text().items(scope)) {
            List<String> detail = new ArrayList<>(item.limits());
            item.data().ifPresent(data -> detail.add("touches " + data));
            out.add(Map.of(
                    "index", String.valueOf(out.size()),
                    "label", item.label(),
                    "risk", item.risk() == Risk.HIGH ? "This can do harm. You will be asked to sign in again." : "",
                    "detail", String.join("; ", detail)));
        }
        return out;
    }

    /** @param seconds after now; the form's value */
    private record End(long seconds, String label) {}

    private List<End> ends(BehalfTask offered) {
        Duration whole = offered.duration().orElse(parts.config().lifetimes().task());
        List<End> ends = new ArrayList<>();
        ends.add(end(whole));
        SHORTER.stream().filter(d -> d.compareTo(whole) < 0).forEach(d -> ends.add(end(d)));
        return ends;
    }

    private End end(Duration after) {
        return new End(after.toSeconds(), ApprovalText.time(parts.now().plus(after)));
    }

    // ---- 5: the choice fixes the text

    Reply choose(Ask ask) {
        String flow = ask.form().one("flow").orElse("");
        Optional<Waiting> found = parts.store()
                .transaction(sql -> parts.shelf().look(sql, Shelf.Kind.APPROVAL, flow, parts.now()))
                .map(Waiting::fromJson)
                .filter(w -> sameBrowser(ask, w.browser()))
                .filter(w -> Digests.same(w.csrf(), ask.form().one("csrf").orElse("")));
        if (found.isEmpty()) {
            return problem(400, START_AGAIN);
        }
        Waiting waiting = found.get();
        boolean refused = ask.form().one("decision").equals(Optional.of("refuse"));
        Optional<BehalfTask> chosen = chosen(ask.form(), waiting.offered());
        if (!refused && chosen.isEmpty()) {
            return page(400, flow, waiting, "Tick at least one thing that the agent may do, or refuse.");
        }
        boolean first = parts.store().transaction(sql -> parts.shelf()
                .take(sql, Shelf.Kind.APPROVAL, flow, parts.now())
                .isPresent());
        if (!first) {
            return problem(400, START_AGAIN);
        }
        if (refused) {
            return denied(waiting.request(), "The person refused.");
        }
        return toProvider(confirmation(waiting, chosen.orElseThrow()));
    }

    /** What was ticked, and the end chosen; empty when nothing was. Values that the page did not offer count for nothing. */
    private Optional<BehalfTask> chosen(Form form, BehalfTask offered) {
        List<ApprovalText.Item> items = parts.text().items(offered.scope());
        List<Permission> ticked = new ArrayList<>();
        for (int i = 0; i < items.size(); i++) {
            if (form.all("permission").contains(String.valueOf(i))) {
                ticked.add(items.get(i).permission());
            }
        }
        if (ticked.isEmpty()) {
            return Optional.empty();
        }
        List<End> ends = ends(offered);
        long seconds = ends.stream()
                .map(End::seconds)
                .filter(s -> form.one("end").equals(Optional.of(String.valueOf(s))))
                .findFirst()
                .orElse(ends.getFirst().seconds());
        return Optional.of(new BehalfTask(
                offered.description(),
                new Scope(joined(ticked)),
                offered.limits(),
                Optional.of(Duration.ofSeconds(seconds)),
                offered.retention()));
    }

    /** Actions with the same limits stand in one permission again. */
    private static List<Permission> joined(List<Permission> single) {
        Map<List<Object>, List<String>> actions = new LinkedHashMap<>();
        Map<List<Object>, Permission> first = new LinkedHashMap<>();
        for (Permission p : single) {
            List<Object> key = List.of(p.service(), p.resources(), p.constraints());
            first.putIfAbsent(key, p);
            actions.computeIfAbsent(key, k -> new ArrayList<>()).addAll(p.actions());
        }
        List<Permission> out = new ArrayList<>();
        first.forEach((key, p) -> out.add(new Permission(
                p.service(), new TreeSet<>(actions.getOrDefault(key, List.of())), p.resources(), p.constraints())));
        return out;
    }

    private Login confirmation(Waiting waiting, BehalfTask chosen) {
        Agent agent = parts.agents().find(waiting.request().agent()).orElseThrow();
        Instant end = parts.now().plus(chosen.duration().orElseThrow()).truncatedTo(ChronoUnit.SECONDS);
        KnownTask draft = starts.draft(agent, chosen, ApprovalKind.INTERACTIVE, Optional.of(read(waiting)), end);
        String random = parts.handle();
        Choice choice = new Choice(
                draft.id(),
                ((OnBehalfOf.Subject) draft.onBehalfOf()).pseudonym(),
                read(waiting).sub(),
                chosen,
                draft.approved(),
                random,
                Duration.between(waiting.since(), parts.now()).toSeconds(),
                parts.now());
        boolean high = parts.text().items(chosen.scope()).stream().anyMatch(item -> item.risk() == Risk.HIGH);
        return new Login(
                waiting.request(),
                waiting.browser(),
                SignedLogin.nonce(draft.approved().digest(), random),
                parts.handle(),
                high ? "login" : "none", // a high risk is worth a deliberate act
                Optional.of(choice));
    }

    /**
     * What the person approved, waiting for the provider's signature.
     *
     * @param sub the person's id at the provider, who alone may confirm
     * @param random half of the nonce's pre-image
     * @param secondsShown how long the page was before them
     * @param chosen when they pressed the button
     */
    private record Choice(
            TaskId id,
            String pseudonym,
            String sub,
            BehalfTask task,
            ApprovedTask approved,
            String random,
            long secondsShown,
            Instant chosen) {
        Map<String, @Nullable Object> toJson() {
            Map<String, @Nullable Object> out = new LinkedHashMap<>();
            out.put("id", id.value());
            out.put("pseudonym", pseudonym);
            out.put("sub", sub);
            out.put("task", task.toJson());
            out.put("approval_id", approved.approvalId());
            out.put("agent", approved.agent());
            out.put("end", approved.end().getEpochSecond());
            out.put("text", approved.text());
            out.put("locale", approved.locale());
            out.put("salt", approved.salt());
            out.put("random", random);
            out.put("seconds_shown", secondsShown);
            out.put("chosen", chosen.getEpochSecond());
            return out;
        }

        static Choice fromJson(Map<String, @Nullable Object> json) {
            BehalfTask task = TaskTable.behalfTask(json.get("task"));
            return new Choice(
                    new TaskId(Shelf.text(json, "id")),
                    Shelf.text(json, "pseudonym"),
                    Shelf.text(json, "sub"),
                    task,
                    new ApprovedTask(
                            Shelf.text(json, "approval_id"),
                            Shelf.text(json, "agent"),
                            task.scope(),
                            task.limits(),
                            Instant.ofEpochSecond(json.get("end") instanceof Long end ? end : 0),
                            Shelf.text(json, "text"),
                            Shelf.text(json, "locale"),
                            Shelf.text(json, "salt")),
                    Shelf.text(json, "random"),
                    json.get("seconds_shown") instanceof Long seconds ? seconds : 0,
                    Instant.ofEpochSecond(json.get("chosen") instanceof Long seconds ? seconds : 0));
        }
    }

    // ---- 6: signed for exactly this text by the same person

    private Reply approve(Login login, Choice choice, SignedToken confirmed) {
        if (!confirmed.signed().sub().equals(choice.sub())) {
            return denied(login.request(), "Another person signed in than the one who approved.");
        }
        if (login.prompt().equals("login") && !signedInSince(choice.chosen(), confirmed.signed())) {
            return denied(login.request(), "The provider did not ask the person to sign in again.");
        }
        Agent agent = parts.agents().find(login.request().agent()).orElseThrow();
        KnownTask task = starts.approvedTask(
                agent, choice.id(), choice.pseudonym(), choice.task(), choice.approved(), confirmed.signed());
        SignedLogin evidence = new SignedLogin(
                confirmed.text(),
                parts.providers().known(confirmed.signed().provider()).jwks(),
                choice.random(),
                parts.handle());
        Lifecycle record = starts.approved(
                task,
                starts.person(confirmed.signed()),
                Map.of("login_commitment", evidence.commitment(), "seconds_shown", choice.secondsShown()));
        String code = parts.handle();
        Map<String, @Nullable Object> redeemable = new LinkedHashMap<>();
        redeemable.put("task", task.id().value());
        redeemable.put("request", login.request().toJson());
        parts.changes().commit(List.of(record), sql -> {
            parts.tasks().insert(sql, task, parts.randomBytes(32), Optional.of(evidence.toJson()));
            parts.shelf()
                    .put(sql, Shelf.Kind.CODE, code, redeemable, parts.now().plus(CODE_LIFE));
            return Answer.ok(true);
        });
        return Reply.redirect(login.request().answer(parts.config().issuer(), Map.of("code", code)));
    }

    /** OpenID Connect Core 1.0 §3.1.2.1: a provider may ignore the wish; {@code auth_time} tells. */
    private static boolean signedInSince(Instant chosen, Providers.Signed confirmed) {
        return confirmed.claims().get("auth_time") instanceof Long at
                && at >= chosen.minus(Providers.MAX_SKEW).getEpochSecond();
    }

    // ---- 7: the agent redeems the code

    Answer<Granted> redeem(TokenRequest request) {
        Answer<String> shown = request.form().required("code");
        if (!(shown instanceof Answer.Ok<String>(var code))) {
            return shown.refused();
        }
        Optional<Map<String, @Nullable Object>> found =
                parts.store().transaction(sql -> parts.shelf().take(sql, Shelf.Kind.CODE, code, request.now()));
        if (found.isEmpty()) {
            return usedBefore(code, request);
        }
        PushedRequest pushed = PushedRequest.fromJson(Shelf.object(found.get(), "request"));
        Optional<KnownTask> known =
                parts.store().transaction(sql -> parts.tasks().find(sql, new TaskId(Shelf.text(found.get(), "task"))));
        if (known.isEmpty() || known.get().over(request.now()).isPresent()) {
            return Answer.no(Code.INVALID_GRANT, "The task is over.");
        }
        Optional<String> wrong = wrong(pushed, request);
        if (wrong.isPresent()) {
            // whoever shows a code without being able to use it has taken it from somewhere: it is gone for everybody
            return Answer.no(Code.INVALID_GRANT, "The code is not valid for this request.", wrong.get());
        }
        KnownTask task = known.get();
        Answer<Starts.First> first = starts.first(request.agent(), request.binding(), task, audience(pushed));
        if (!(first instanceof Answer.Ok<Starts.First>(var made))) {
            return first.refused();
        }
        return parts.changes().commit(List.of(made.record()), sql -> {
            parts.shelf()
                    .put(
                            sql,
                            Shelf.Kind.USED_CODE,
                            code,
                            Map.of("task", task.id().value()),
                            task.end());
            made.insert(sql, parts, request.now());
            return Answer.ok(made.granted());
        });
    }

    private static Optional<String> wrong(PushedRequest pushed, TokenRequest request) {
        if (!pushed.agent().equals(request.agent().id())) {
            return Optional.of("another agent");
        }
        if (!request.form().one("redirect_uri").equals(Optional.of(pushed.redirectUri()))) {
            return Optional.of("redirect_uri");
        }
        String verifier = request.form().one("code_verifier").orElse("");
        if (verifier.length() < 43
                || verifier.length() > 128
                || !challenge(verifier).equals(pushed.challenge())) {
            return Optional.of("code_verifier"); // RFC 7636 §4.6
        }
        return pushed.jkt().isPresent() && !pushed.jkt().equals(request.jkt())
                ? Optional.of("dpop_jkt") // RFC 9449 §10
                : Optional.empty();
    }

    /** RFC 6749 §4.1.2: a code that is used twice was stolen by one of the two, so what it started ends. */
    private Answer<Granted> usedBefore(String code, TokenRequest request) {
        parts.store()
                .transaction(sql -> parts.shelf().look(sql, Shelf.Kind.USED_CODE, code, request.now()))
                .ifPresent(used -> stops.stop(new RevokeRequest(
                        new RevokeRequest.What.Task(new TaskId(Shelf.text(used, "task"))),
                        "system",
                        "an authorization code was used twice",
                        false)));
        return Answer.no(Code.INVALID_GRANT, "The code is not valid for this request.", "unknown or used");
    }

    private Audience audience(PushedRequest request) {
        return parts.config().audiences().stream()
                .filter(a -> a.uri().equals(request.audience()))
                .findFirst()
                .orElse(parts.config().audiences().getFirst());
    }

    /** The person of the first round trip; their token was checked when it came. */
    private Providers.Signed read(Waiting waiting) {
        try {
            CompactJws token = CompactJws.parse(waiting.idToken());
            return new Providers.Signed(
                    parts.providers().named(waiting.request().provider()).orElseThrow(),
                    token.claims(),
                    token.claim("sub").orElseThrow(),
                    waiting.since());
        } catch (Json.Malformed e) {
            throw new StoreFault("a value of the shelf is not what was put there", e);
        }
    }

    private Reply denied(PushedRequest request, String why) {
        return Reply.redirect(
                request.answer(parts.config().issuer(), Map.of("error", "access_denied", "error_description", why)));
    }

    private Reply problem(int status, String message) {
        return pages.show(status, "problem", Map.of("message", message));
    }

    private void put(Shelf.Kind kind, String handle, Map<String, ? extends @Nullable Object> value, Duration life) {
        Instant until = parts.now().plus(life);
        parts.store().transaction(sql -> {
            parts.shelf().put(sql, kind, handle, value, until);
            return true;
        });
    }

    private static boolean sameBrowser(Ask ask, String digest) {
        return ask.cookie()
                .filter(cookie -> Digests.same(Digests.hex(cookie), digest))
                .isPresent();
    }

    private String cookie(String value) {
        String secure = parts.config().issuer().startsWith("https:") ? "; Secure" : "";
        return COOKIE + "=" + value + "; Path=/oauth; Max-Age=" + FLOW_LIFE.toSeconds() + "; HttpOnly; SameSite=Lax"
                + secure;
    }

    private static String challenge(String verifier) {
        return Base64.getUrlEncoder()
                .withoutPadding()
                .encodeToString(Digests.sha256(verifier.getBytes(StandardCharsets.US_ASCII)));
    }

    private static String basic(String id, String secret) {
        return "Basic "
                + Base64.getEncoder()
                        .encodeToString((DevelopmentProvider.encode(id) + ":" + DevelopmentProvider.encode(secret))
                                .getBytes(StandardCharsets.UTF_8));
    }
}
