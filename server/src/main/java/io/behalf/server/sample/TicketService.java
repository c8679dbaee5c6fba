package io.behalf.server.sample;

import io.behalf.core.delegation.Ask;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.delegation.WithinDelegation;
import io.behalf.core.delegation.Wording;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.CanonicalWriter;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord;
import io.behalf.core.record.RecordEncoder;
import io.behalf.verifier.DelegationVerifier;
import io.behalf.verifier.DownstreamChain;
import io.behalf.verifier.DpopProofs;
import io.behalf.verifier.IssuerKeys;
import io.behalf.verifier.Presented;
import io.behalf.verifier.Revocations;
import io.behalf.verifier.ServiceGuard;
import io.behalf.verifier.ServiceGuard.Guarded;
import io.behalf.verifier.VerifiedDelegation;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.RequestOptions;
import java.net.URI;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * A pretend HTTP service that trusts no gateway: it checks the delegation of each call with the same verifier, decides
 * on what the person may do, and hands in a record of its own under its own key before it answers.
 */
public final class TicketService {
    public static final String NAME = "tickets";
    public static final String READ = "read";
    public static final String WRITE = "write";

    private static final int PROOFS_REMEMBERED = 4_096;
    /** Records that wait until the ledger can be reached again; beyond them nothing is decided any more. */
    private static final int MAX_UNSENT = 1_000;

    private static final Duration ANSWERS_WITHIN = Duration.ofSeconds(10);

    private final String audience;
    private final URI authority;
    private final HttpClient client;
    private final Clock clock;
    private final ServiceGuard guard;
    private final Consumer<String> kept;
    private volatile Optional<IssuerKeys> keys = Optional.empty();
    /** Records not yet in the ledger, in their order: it takes a chain in no other. */
    private final Deque<Buffer> unsent = new ArrayDeque<>();

    private Future<Void> handedIn = Future.succeededFuture();

    private TicketService(
            Vertx vertx, String audience, URI authority, SigningKey key, Clock clock, Consumer<String> kept) {
        this.audience = audience;
        this.authority = authority;
        this.client = vertx.httpClientBuilder()
                .withConnectHandler(server -> server.exceptionHandler(_ -> {})) // whoever waits for an answer is told
                .build();
        this.clock = clock;
        this.kept = kept;
        var verifier = new DelegationVerifier(
                issuer -> issuer.equals(authority.toString()) ? keys : Optional.empty(),
                Revocations.NONE, // tokens made for it live five minutes at most, and the gateway stops sooner
                new DpopProofs(PROOFS_REMEMBERED, DpopProofs.Nonces.NOT_DEMANDED));
        this.guard = new ServiceGuard(
                verifier,
                new WithinDelegation(WithinDelegation.DEFAULT_MAX_ACTORS, Wording.PLAIN),
                new DownstreamChain(NAME, key, DownstreamChain.Position.START));
    }

    /**
     * @param audience of the tokens that it accepts: a name of its own, as its port is not known before it listens
     * @param authority where the keys are, and where its records go
     * @param key a new one: its chain of records begins with it
     */
    public static Future<SampleServer> start(Vertx vertx, String audience, URI authority, SigningKey key, Clock clock) {
        return start(vertx, audience, authority, key, clock, _ -> {});
    }

    /** @param kept told the ledger's id of each record that it has taken */
    public static Future<SampleServer> start(
            Vertx vertx, String audience, URI authority, SigningKey key, Clock clock, Consumer<String> kept) {
        TicketService service = new TicketService(vertx, audience, authority, key, clock, kept);
        return SampleServer.start(vertx, service::handle);
    }

    private void handle(HttpServerRequest request) {
        request.pause();
        Future<Void> known = keys.isPresent() ? Future.succeededFuture() : fetchKeys();
        known.onComplete(_ -> request.resume())
                .onSuccess(_ -> check(request))
                .onFailure(_ -> unavailable(request, "issuer_unreachable"));
    }

    private void check(HttpServerRequest request) {
        switch (presented(request)) {
            case Checked.Refused<Presented>(var no) -> refuse(request, no);
            case Checked.Passed<Presented>(var presented) -> decide(request, presented);
        }
    }

    private void decide(HttpServerRequest request, Presented presented) {
        Optional<String> id = Optional.of(SampleServer.path(request))
                .filter(path -> path.startsWith("/tickets/"))
                .map(path -> path.substring("/tickets/".length()));
        String action = HttpMethod.GET.equals(request.method()) ? READ : WRITE;
        List<String> resources = id.map(ticket -> List.of("tickets/" + ticket)).orElse(List.of());
        Optional<Guarded> guarded = guarded(request, presented, action, resources);
        if (guarded.isEmpty()) {
            unavailable(request, "record_unavailable");
            return;
        }
        Future<Void> recorded = guarded.get().record().isPresent() ? handIn() : Future.succeededFuture();
        recorded.onSuccess(_ -> {
                    switch (guarded.get().answer()) {
                        case Checked.Passed<VerifiedDelegation> _ -> answer(request, id);
                        case Checked.Refused<VerifiedDelegation>(var no) -> refuse(request, no);
                    }
                })
                // no record, no answer: the rule that the gateway keeps too
                .onFailure(_ -> unavailable(request, "record_unavailable"));
    }

    /** Decides, and takes the record into the order in which it was made; empty when no more records can wait. */
    private synchronized Optional<Guarded> guarded(
            HttpServerRequest request, Presented presented, String action, List<String> resources) {
        if (unsent.size() >= MAX_UNSENT) {
            return Optional.empty();
        }
        var call = new AuditRecord.Call(
                AuditRecord.Surface.DOWNSTREAM,
                NAME,
                action,
                resources,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                -1);
        Guarded guarded = guard.check(
                presented,
                new Ask(NAME, action, resources, Map.of()),
                call,
                Optional.ofNullable(request.getHeader("behalf-record")),
                Optional.empty(),
                clock.instant());
        guarded.record().ifPresent(record -> {
            CanonicalWriter bytes = new CanonicalWriter();
            RecordEncoder.encode(record, 0, null, bytes);
            unsent.add(Buffer.buffer(bytes.toByteArray()));
        });
        return Optional.of(guarded);
    }

    private Checked<Presented> presented(HttpServerRequest request) {
        return Presented.fromHeaders(
                request.headers().getAll("authorization"),
                request.headers().getAll("dpop"),
                Optional.empty(),
                request.method().name(),
                "http://" + SampleServer.HOST + ":" + request.localAddress().port() + SampleServer.path(request),
                Set.of(audience),
                false);
    }

    /** Succeeds when everything decided so far is in the ledger. */
    private synchronized Future<Void> handIn() {
        handedIn = handedIn.transform(_ -> flush());
        return handedIn;
    }

    private Future<Void> flush() {
        Optional<Buffer> next = next();
        return next.isEmpty()
                ? Future.succeededFuture()
                : post(next.get()).recover(_ -> post(next.get())).compose(_ -> {
                    sent();
                    return flush();
                });
    }

    private synchronized Optional<Buffer> next() {
        return Optional.ofNullable(unsent.peek());
    }

    private synchronized void sent() {
        unsent.remove();
    }

    private Future<Void> post(Buffer record) {
        return client.request(options(HttpMethod.POST, "/api/v1/downstream"))
                .compose(request ->
                        request.putHeader("content-type", "application/json").send(record))
                .compose(answer -> answer.statusCode() / 100 == 2
                        ? answer.body()
                        : Future.failedFuture("the ledger answered " + answer.statusCode()))
                .compose(this::taken);
    }

    /** The status says that it is in the ledger; the body, which of its records it is. */
    private Future<Void> taken(Buffer answer) {
        try {
            if (Json.readObject(answer.getBytes()).get("record") instanceof String id) {
                kept.accept(id);
            }
        } catch (Json.Malformed e) {
            // nobody can be told its id
        }
        return Future.succeededFuture();
    }

    private RequestOptions options(HttpMethod method, String path) {
        return new RequestOptions()
                .setMethod(method)
                .setAbsoluteURI(authority + path)
                .setConnectTimeout(ANSWERS_WITHIN.toMillis())
                .setIdleTimeout(ANSWERS_WITHIN.toMillis());
    }

    private Future<Void> fetchKeys() {
        return client.request(options(HttpMethod.GET, "/oauth/jwks"))
                .compose(asked -> asked.send())
                .compose(answer -> answer.body())
                .compose(body -> {
                    try {
                        keys = Optional.of(IssuerKeys.fromJwks(
                                Json.readObject(body.getBytes()), Set.of(SignatureAlgorithm.ES256)));
                        return Future.succeededFuture();
                    } catch (Json.Malformed e) {
                        return Future.failedFuture(e);
                    }
                });
    }

    private static void answer(HttpServerRequest request, Optional<String> id) {
        if (!HttpMethod.GET.equals(request.method())) {
            SampleServer.answer(request.response(), 200, Map.of("changed", true));
        } else if (id.isEmpty()) {
            SampleServer.answer(
                    request.response(),
                    200,
                    Tickets.ALL.stream().map(Tickets.Ticket::toJson).toList());
        } else {
            Optional<Tickets.Ticket> ticket = Tickets.find(id.get());
            SampleServer.answer(
                    request.response(),
                    ticket.isPresent() ? 200 : 404,
                    ticket.map(Tickets.Ticket::toJson).orElse(Map.of()));
        }
    }

    private static void refuse(HttpServerRequest request, Refusal no) {
        SampleServer.answer(
                request.response(), no.httpStatus(), Map.of("title", no.reason().code(), "detail", no.sentence()));
    }

    private static void unavailable(HttpServerRequest request, String title) {
        SampleServer.answer(request.response(), 503, Map.of("title", title));
    }
}
