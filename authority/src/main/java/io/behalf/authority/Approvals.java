package io.behalf.authority;

import io.behalf.authority.ApprovalPage.Waiting;
import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Risk;
import io.behalf.authority.RoundTrips.SignedToken;
import io.behalf.core.delegation.ApprovalKind;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.record.AuditRecord.Lifecycle;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Optional;
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

    private static final String START_AGAIN = "This page is no longer valid. Go back to the agent and start again.";

    private final Parts parts;
    private final Starts starts;
    private final RoundTrips roundTrips;
    private final Codes codes;
    private final Pages pages = new Pages();
    private final ApprovalPage page;

    Approvals(Parts parts, Starts starts, RoundTrips roundTrips, Codes codes) {
        this.parts = parts;
        this.starts = starts;
        this.roundTrips = roundTrips;
        this.codes = codes;
        this.page = new ApprovalPage(parts, starts, pages);
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
                    parts.shelve(Shelf.Kind.PUSHED_REQUEST, handle, request.toJson(), PUSHED_LIFE);
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
        return roundTrips.begin(login).with("Set-Cookie", cookie(browser));
    }

    // ---- 3 and 6: the provider sends the browser back

    Reply callback(Ask ask) {
        Optional<Login> ended = roundTrips.ended(ask);
        if (ended.isEmpty()) {
            return problem(400, START_AGAIN);
        }
        Login login = ended.get();
        Optional<String> error = ask.form().one("error");
        if (error.isPresent()) {
            return RoundTrips.mustAsk(login, error.get())
                    ? roundTrips.begin(login.asking(parts.handle()))
                    : denied(login.request(), "The sign-in did not succeed.");
        }
        Optional<String> code = ask.form().one("code");
        if (code.isEmpty()) {
            return problem(400, START_AGAIN);
        }
        return switch (roundTrips.idToken(login, code.get())) {
            case Answer.No<SignedToken>(var no) -> denied(login.request(), no.description());
            case Answer.Ok<SignedToken>(var signed) ->
                login.choice().isPresent() ? approve(login, login.choice().get(), signed) : identified(login, signed);
        };
    }

    private Reply identified(Login login, SignedToken person) {
        Agent agent = parts.agents().find(login.request().agent()).orElseThrow();
        Wish wish = new Wish(
                Optional.of(login.request().task()),
                Optional.empty(),
                login.request().audienceIn(parts.config()));
        Answer<BehalfTask> allowed = starts.allowed(wish, agent, Optional.of(person.signed()));
        if (!(allowed instanceof Answer.Ok<BehalfTask>(var offered))) {
            return denied(login.request(), "Nothing of what the agent asks for is allowed to you.");
        }
        String handle = parts.handle();
        Waiting waiting =
                new Waiting(login.request(), login.browser(), parts.handle(), person.text(), offered, parts.now());
        parts.shelve(Shelf.Kind.APPROVAL, handle, waiting.toJson(), FLOW_LIFE);
        return Reply.redirect(parts.config().issuer() + PAGE + "?flow=" + handle);
    }

    // ---- 4: the page

    Reply page(Ask ask) {
        String flow = flow(ask);
        return page.waiting(ask, flow)
                .map(waiting -> page.show(200, flow, waiting, ""))
                .orElseGet(() -> problem(400, START_AGAIN));
    }

    // ---- 5: the choice fixes the text

    Reply choose(Ask ask) {
        String flow = flow(ask);
        Optional<Waiting> found = page.waiting(ask, flow)
                .filter(w -> Digests.same(w.csrf(), ask.form().one("csrf").orElse("")));
        if (found.isEmpty()) {
            return problem(400, START_AGAIN);
        }
        Waiting waiting = found.get();
        boolean refused = ask.form().one("decision").equals(Optional.of("refuse"));
        Optional<BehalfTask> chosen = page.chosen(ask.form(), waiting.offered());
        if (!refused && chosen.isEmpty()) {
            return page.show(400, flow, waiting, "Tick at least one thing that the agent may do, or refuse.");
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
        return roundTrips.begin(confirmation(waiting, chosen.orElseThrow()));
    }

    private Login confirmation(Waiting waiting, BehalfTask chosen) {
        Agent agent = parts.agents().find(waiting.request().agent()).orElseThrow();
        Instant end = parts.now().plus(chosen.duration().orElseThrow()).truncatedTo(ChronoUnit.SECONDS);
        Providers.Signed person = waiting.person(parts.providers());
        KnownTask draft = starts.draft(agent, chosen, ApprovalKind.INTERACTIVE, Optional.of(person), end);
        String random = parts.handle();
        Choice choice = new Choice(
                draft.id(),
                ((OnBehalfOf.Subject) draft.onBehalfOf()).pseudonym(),
                person.sub(),
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
        parts.changes().commit(List.of(record), sql -> {
            parts.tasks().insert(sql, task, parts.randomBytes(32), Optional.of(evidence.toJson()));
            codes.put(sql, code, task.id(), login.request());
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
        return codes.redeem(request);
    }

    private static String flow(Ask ask) {
        return ask.form().one("flow").orElse("");
    }

    private Reply denied(PushedRequest request, String why) {
        return Reply.redirect(
                request.answer(parts.config().issuer(), Map.of("error", "access_denied", "error_description", why)));
    }

    private Reply problem(int status, String message) {
        return pages.show(status, "problem", Map.of("message", message));
    }

    private String cookie(String value) {
        String secure = parts.config().issuer().startsWith("https:") ? "; Secure" : "";
        return COOKIE + "=" + value + "; Path=/oauth; Max-Age=" + FLOW_LIFE.toSeconds() + "; HttpOnly; SameSite=Lax"
                + secure;
    }
}
