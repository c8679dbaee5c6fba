package io.behalf.server.kill;

import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.ScopeWords;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.behalf.sdk.AgentCredential;
import io.behalf.sdk.Answer;
import io.behalf.sdk.ApprovalRequest;
import io.behalf.sdk.AuthorityClient;
import io.behalf.sdk.HandOver;
import io.behalf.sdk.HeldDelegation;
import io.behalf.server.sample.PretendBrowser;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * What one program does at the server, deed by deed, and everything that it was told: its agents, what they hold, and the
 * one question whose answer may never have come. One thread at a time.
 */
final class Work implements AutoCloseable {
    private static final URI BACK_TO = URI.create("http://127.0.0.1/kill");
    private static final String CHAT = "/llm/model/v1/chat/completions";
    private static final String TOOLS = "/mcp/tools";
    private static final String TICKET = "/http/tickets/tickets/t-101";
    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(20);
    /** Of what is over or used up, so that it can be tried again. */
    private static final int REMEMBERED = 4;

    private static final BehalfTask TASK = task("model:chat tools:tickets.search tickets:read");
    private static final BehalfTask PART = task("model:chat tickets:read");

    private final URI base;
    private final PretendParts parts;
    private final Random random;
    private final HttpClient http = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(ANSWERS_WITHIN)
            .build();
    private final Agent lead;
    private final Agent part;
    private final Agent nightly;
    private final PlainAgent plain;

    private final List<Hold> holds = new ArrayList<>();
    private final Deque<Hold> over = new ArrayDeque<>();
    private final List<WaitingCode> codes = new ArrayList<>();
    private final Deque<String> usedToStart = new ArrayDeque<>();
    private final Deque<String> usedToTakeOver = new ArrayDeque<>();
    private Optional<Asked> unanswered = Optional.empty();

    private final List<Told> told = new ArrayList<>();
    private final List<Violation> violations = new ArrayList<>();
    private final Map<Deed, Integer> done = new EnumMap<>(Deed.class);
    private int cut;
    private Optional<String> lastAnswered = Optional.empty();

    /** An agent that proves a key. */
    private record Agent(AuthorityClient client, SigningKey key) {
        static Agent of(String id, URI base) {
            SigningKey key = SigningKey.generate();
            return new Agent(
                    new AuthorityClient(base, new AgentCredential.Secret(id, ServerProcess.AGENT_SECRET), key), key);
        }
    }

    /**
     * A question to the authority. Until it is answered nobody knows whether it was heard.
     *
     * @param token shown with it
     */
    record Asked(Deed deed, Optional<Hold> hold, String token) {
        static Asked of(Deed deed) {
            return new Asked(deed, Optional.empty(), "");
        }
    }

    Work(URI base, PretendParts parts, Random random) {
        this.base = base;
        this.parts = parts;
        this.random = random;
        lead = Agent.of("lead", base);
        part = Agent.of("part", base);
        nightly = Agent.of("nightly", base);
        plain = new PlainAgent(base, http);
    }

    private static BehalfTask task(String scope) {
        return new BehalfTask(
                "Go through the tickets", ScopeWords.parse(scope), Limits.NONE, Optional.empty(), Optional.empty());
    }

    // ---- calls

    boolean chat(Hold hold) throws InterruptedException {
        return call(Deed.CHAT, hold, "POST", CHAT, question(false));
    }

    boolean stream(Hold hold) throws InterruptedException {
        return call(Deed.STREAM, hold, "POST", CHAT, question(true));
    }

    boolean tool(Hold hold) throws InterruptedException {
        return call(Deed.TOOL, hold, "POST", TOOLS, toolCall("tickets.search"));
    }

    boolean service(Hold hold) throws InterruptedException {
        return call(Deed.SERVICE, hold, "GET", TICKET, "");
    }

    /** Something that its task does not allow. */
    boolean refused(Hold hold) throws InterruptedException {
        return call(Deed.REFUSED, hold, "POST", TOOLS, toolCall("customers.get"));
    }

    private static String question(boolean streamed) {
        return "{\"model\":\"demo-model\",\"stream\":" + streamed
                + ",\"messages\":[{\"role\":\"user\",\"content\":\"What was opened?\"}]}";
    }

    private static String toolCall(String tool) {
        return "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"" + tool
                + "\",\"arguments\":{\"plan\":\"enterprise\",\"quarter\":\"Q3\"}}}";
    }

    /** @return whether a whole answer came, and a good one where the call is allowed */
    private boolean call(Deed deed, Hold hold, String method, String path, String body) throws InterruptedException {
        HttpResponse<InputStream> answer;
        try {
            answer = http.send(request(hold, method, path, body), BodyHandlers.ofInputStream());
        } catch (IOException noHead) {
            cut++;
            return false;
        }
        Optional<String> record = answer.headers().firstValue("Behalf-Record");
        boolean allowed = deed != Deed.REFUSED;
        try (InputStream in = answer.body()) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
            if (deed == Deed.STREAM && answer.statusCode() == 200 && !text.endsWith("data: [DONE]\n\n")) {
                throw new IOException("the stream ended early");
            }
            record.ifPresent(id -> told.add(new Told.Answered(id, answer.statusCode(), allowed)));
            count(deed);
            return !allowed || wasDone(deed, answer.statusCode(), text, record);
        } catch (IOException partly) {
            cut++;
            record.ifPresent(id -> told.add(new Told.Cut(id)));
            return false;
        }
    }

    private boolean wasDone(Deed deed, int status, String text, Optional<String> record) {
        boolean refused = status / 100 == 4 || text.contains("io.behalf/refusal");
        if (refused) {
            violated(Promises.REMEMBERED, "a delegation that was given out is refused (" + deed + "): " + text);
        }
        boolean done = status / 100 == 2 && !refused;
        if (done) {
            lastAnswered = record;
        }
        return done;
    }

    private HttpRequest request(Hold hold, String method, String path, String body) {
        URI address = base.resolve(path);
        var request = HttpRequest.newBuilder(address)
                .timeout(ANSWERS_WITHIN)
                .header("Content-Type", "application/json")
                .header("Accept", "application/json, text/event-stream")
                .header("traceparent", "00-" + hex(16) + "-" + hex(8) + "-01")
                .method(method, body.isEmpty() ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        hold.attach(request, method, address.toString());
        return request.build();
    }

    private String hex(int bytes) {
        byte[] id = new byte[bytes];
        random.nextBytes(id);
        return HexFormat.of().formatHex(id);
    }

    /** Why a call under this hold is refused; empty where it is not, or where nobody answers. */
    Optional<String> whyRefused(Hold hold) throws InterruptedException {
        try {
            var answer = http.send(request(hold, "GET", TICKET, ""), BodyHandlers.ofString());
            var reason = Json.readObject(answer.body().getBytes(StandardCharsets.UTF_8))
                    .get("reason");
            return Optional.ofNullable(reason).map(String::valueOf);
        } catch (IOException | Json.Malformed none) {
            return Optional.empty();
        }
    }

    // ---- what is asked of the authority

    /** A task that an application starts with the person's token. */
    void start(String person) {
        String token = parts.tokenOf(person);
        ask(new Asked(Deed.START, Optional.empty(), token), () -> start(lead, token))
                .ifPresent(held -> {
                    remember(usedToStart, token);
                    hold(bound(held, lead, Optional.of(person)));
                });
    }

    Answer<HeldDelegation> startAgain(String token) {
        return start(lead, token);
    }

    private Answer<HeldDelegation> start(Agent agent, String token) {
        return agent.client().start(token, AuthorityClient.SubjectToken.ACCESS_TOKEN, TASK, gateway());
    }

    /** The same by an agent that has no key. */
    void startPlainly(String person) {
        String token = parts.tokenOf(person);
        ask(new Asked(Deed.START, Optional.empty(), token), () -> plain.start(token, TASK))
                .ifPresent(held -> hold(new Hold(held, Optional.empty(), plain::renew, Optional.of(person))));
    }

    void startWithNobody() {
        ask(Asked.of(Deed.START_WITH_NOBODY), () -> nightly.client().startWithNoSubject(TASK, gateway()))
                .ifPresent(held -> hold(bound(held, nightly, Optional.empty())));
    }

    /** The person reads the page and approves: two round trips to the provider, and a code that waits. */
    void approve(String person) throws InterruptedException {
        Optional<ApprovalRequest> pushed =
                ask(Asked.of(Deed.APPROVE), () -> lead.client().requestApproval(TASK, BACK_TO, gateway()));
        if (pushed.isEmpty()) {
            return;
        }
        unanswered = Optional.of(Asked.of(Deed.APPROVE));
        try (var browser = new PretendBrowser(person, parts.passwordOf(person))) {
            var approved = browser.approve(pushed.get().page(), BACK_TO);
            unanswered = Optional.empty();
            codes.add(new WaitingCode(pushed.get(), approved.code(), person, Instant.now()));
        } catch (IOException notToItsEnd) {
            cut++;
        }
    }

    void redeem(WaitingCode code) {
        codes.remove(code);
        ask(new Asked(Deed.REDEEM, Optional.empty(), code.code()), () -> redeemed(code))
                .ifPresent(held -> {
                    Hold hold = bound(held, lead, Optional.of(code.person()));
                    hold.beganWith(code);
                    hold(hold);
                });
    }

    Answer<HeldDelegation> redeemed(WaitingCode code) {
        return lead.client().approved(code.request(), code.code());
    }

    void renew(Hold hold) {
        Deed deed = hold.isBound() ? Deed.RENEW : Deed.ROTATE;
        ask(new Asked(deed, Optional.of(hold), hold.renewal()), () -> hold.renew(hold.renewal()))
                .ifPresent(next -> {
                    hold.renewed(next);
                    told.add(new Told.Issued(hold.jti()));
                });
    }

    void handOver(Hold hold) {
        Optional<HandOver> handedOver = ask(new Asked(Deed.HAND_OVER, Optional.of(hold), ""), () -> lead.client()
                .handOver(hold.held(), "part", PART));
        handedOver.ifPresent(
                to -> ask(new Asked(Deed.TAKE_OVER, Optional.of(hold), to.token()), () -> takeOver(to.token()))
                        .ifPresent(held -> tookOver(hold, to.token(), held)));
    }

    Answer<HeldDelegation> takeOver(String token) {
        return part.client().take(token, gateway());
    }

    void tookOver(Hold hold, String token, HeldDelegation held) {
        remember(usedToTakeOver, token);
        Hold taken = bound(held, part, hold.person());
        told.add(new Told.Issued(taken.jti()));
        hold.handedOver(taken);
    }

    /** Stops the task, as an operator does. */
    void stop(Hold hold) {
        ask(new Asked(Deed.STOP, Optional.of(hold), ""), () -> revoke(hold)).ifPresent(_ -> {
            told.add(new Told.Stopped(hold.task()));
            isOver(hold, Reason.DELEGATION_REVOKED);
        });
    }

    private Answer<Boolean> revoke(Hold hold) {
        var request = HttpRequest.newBuilder(base.resolve("/api/v1/revoke"))
                .timeout(ANSWERS_WITHIN)
                .header("Authorization", "Bearer " + ServerProcess.API_TOKEN)
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString("{\"task\":\"" + hold.task() + "\",\"reason\":\"the load says so\"}"))
                .build();
        try {
            var answer = http.send(request, BodyHandlers.ofString());
            return answer.statusCode() == 200
                    ? new Answer.Granted<>(true)
                    : new Answer.Denied<>("http_" + answer.statusCode(), answer.body(), answer.statusCode());
        } catch (IOException none) {
            return new Answer.NoAnswer<>(String.valueOf(none.getMessage()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new Answer.NoAnswer<>("interrupted");
        }
    }

    /** The agent is done. */
    void end(Hold hold) {
        ask(new Asked(Deed.END, Optional.of(hold), ""), () -> lead.client().end(hold.renewal()))
                .ifPresent(_ -> isOver(hold, Reason.TASK_ENDED));
    }

    /** The person logs out at the provider, which tells the server. */
    void logOut(String person) {
        parts.signOut(person).ifPresent(token -> {
            count(Deed.LOGOUT);
            holds.stream()
                    .filter(hold -> hold.person().equals(Optional.of(person)))
                    .forEach(hold -> told.add(new Told.LoggedOut(hold.task(), token)));
        });
    }

    private <T> Optional<T> ask(Asked asked, Supplier<Answer<T>> question) {
        unanswered = Optional.of(asked);
        return switch (question.get()) {
            case Answer.Granted<T>(var value) -> {
                unanswered = Optional.empty();
                count(asked.deed());
                yield Optional.of(value);
            }
            case Answer.Denied<T> no
            when !no.passing() -> {
                unanswered = Optional.empty();
                violated(Promises.REMEMBERED, asked.deed() + " is denied: " + no);
                yield Optional.empty();
            }
            case Answer<T> _ -> {
                cut++;
                yield Optional.empty();
            }
        };
    }

    private Hold bound(HeldDelegation held, Agent agent, Optional<String> person) {
        Function<String, Answer<HeldDelegation>> renewing =
                renewal -> agent.client().renew(renewal, gateway());
        return new Hold(held, Optional.of(agent.key()), renewing, person);
    }

    void hold(Hold hold) {
        told.add(new Told.Issued(hold.jti()));
        holds.add(hold);
    }

    void isOver(Hold hold, Reason why) {
        holds.remove(hold);
        hold.end(why);
        remember(over, hold);
    }

    private static <T> void remember(Deque<T> some, T one) {
        some.add(one);
        if (some.size() > REMEMBERED) {
            some.remove();
        }
    }

    private Optional<String> gateway() {
        return Optional.of(base + "/gateway");
    }

    // ---- what is known

    List<Hold> holds() {
        return List.copyOf(holds);
    }

    List<Hold> over() {
        return List.copyOf(over);
    }

    List<WaitingCode> codes() {
        return List.copyOf(codes);
    }

    void forget(WaitingCode code) {
        codes.remove(code);
    }

    List<String> usedToStart() {
        return List.copyOf(usedToStart);
    }

    List<String> usedToTakeOver() {
        return List.copyOf(usedToTakeOver);
    }

    /** The question whose answer has not come: nothing else is asked before it is known what became of it. */
    Optional<Asked> unanswered() {
        return unanswered;
    }

    Optional<Asked> takeUnanswered() {
        var taken = unanswered;
        unanswered = Optional.empty();
        return taken;
    }

    /** The record of the last call that was answered whole since the server started. */
    Optional<String> lastAnswered() {
        return lastAnswered;
    }

    void started() {
        lastAnswered = Optional.empty();
    }

    Random random() {
        return random;
    }

    void violated(String promise, String found) {
        violations.add(new Violation(promise, found));
    }

    private void count(Deed deed) {
        done.merge(deed, 1, Integer::sum);
    }

    /** What was told since this was asked last. */
    List<Told> takeTold() {
        List<Told> taken = List.copyOf(told);
        told.clear();
        return taken;
    }

    List<Violation> violations() {
        return List.copyOf(violations);
    }

    /** How often each deed was answered. */
    Map<Deed, Integer> done() {
        return Map.copyOf(done);
    }

    /** How many calls were answered whole. */
    long calls() {
        return Deed.CALLS.stream().mapToLong(call -> done.getOrDefault(call, 0)).sum();
    }

    /** How many answers did not come, or not to their end. */
    int cut() {
        return cut;
    }

    @Override
    public void close() {
        http.shutdownNow();
    }
}
