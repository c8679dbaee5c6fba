import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.behalf.core.delegation.Ask;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.WithinDelegation;
import io.behalf.core.delegation.Wording;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.json.Json;
import io.behalf.core.record.AuditRecord.Call;
import io.behalf.core.record.AuditRecord.Surface;
import io.behalf.sdk.Answer;
import io.behalf.sdk.DownstreamSender;
import io.behalf.verifier.DelegationVerifier;
import io.behalf.verifier.DownstreamChain;
import io.behalf.verifier.DpopProofs;
import io.behalf.verifier.IssuerKeys;
import io.behalf.verifier.Presented;
import io.behalf.verifier.Revocations;
import io.behalf.verifier.ServiceGuard;
import io.behalf.verifier.VerifiedDelegation;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * A service that trusts no gateway: it checks the delegation of each request for itself, decides on what the person may
 * do and not on the caller's key, and hands in a record of its own, under its own key, before it answers.
 *
 * <pre>java --enable-native-access=ALL-UNNAMED -cp 'server/target/lib/*' examples/main-job/TicketService.java 3002 http://127.0.0.1:8700 tickets-jwks.json</pre>
 */
final class TicketService {
    private static final String SERVICE = "tickets";
    private static final String AUDIENCE = "https://tickets.corp.example";
    private static final String PATH = "/tickets/";
    private static final Map<String, String> TICKETS = Map.of(
            "t-101", "Sign-in fails after the certificate was changed",
            "t-103", "Export stops at 10,000 rows");
    private static final int PROOFS_REMEMBERED = 4_096;

    private final URI base;
    private final URI authority;
    private final ServiceGuard guard;
    private final DownstreamSender ledger;
    private Optional<IssuerKeys> keys = Optional.empty();

    private TicketService(URI base, URI authority, SigningKey key) {
        this.base = base;
        this.authority = authority;
        this.ledger = new DownstreamSender(authority);
        // Tokens for this service live five minutes, and the gateway stops sooner: nothing is asked about revocations.
        var verifier = new DelegationVerifier(
                issuer -> issuer.equals(authority.toString()) ? keys : Optional.empty(),
                Revocations.NONE,
                new DpopProofs(PROOFS_REMEMBERED, DpopProofs.Nonces.NOT_DEMANDED));
        this.guard = new ServiceGuard(
                verifier,
                new WithinDelegation(WithinDelegation.DEFAULT_MAX_ACTORS, Wording.PLAIN),
                new DownstreamChain(SERVICE, key, DownstreamChain.Position.START));
    }

    public static void main(String[] args) throws Exception {
        if (args.length != 3) {
            System.err.println("Usage: TicketService PORT AUTHORITY FILE-FOR-THE-PUBLIC-KEY");
            System.exit(2);
        }
        var key = SigningKey.generate(); // a new key begins a new chain, so that none has to survive a restart
        Files.write(Path.of(args[2]), Json.canonical(Map.of("keys", List.of(key.publicKey().toJwk(key.thumbprint())))));
        var port = Integer.parseInt(args[0]);
        var service = new TicketService(URI.create("http://127.0.0.1:" + port), URI.create(args[1]), key);
        var http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        // One thread: its records reach the ledger in the order of their chain.
        http.createContext("/", service::handle);
        http.start();
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            if (keys.isEmpty()) {
                keys = keysOfTheAuthority();
            }
            var path = exchange.getRequestURI().getPath();
            var ticket = path.startsWith(PATH) ? path.substring(PATH.length()) : "";
            var action = exchange.getRequestMethod().equals("GET") ? "read" : "write";
            var resources = List.of("tickets/" + ticket);

            var guarded = guard.check(
                    presented(exchange),
                    new Ask(SERVICE, action, resources, Map.of()),
                    call(action, resources),
                    header(exchange, "Behalf-Record"),
                    Optional.empty(),
                    Instant.now());

            if (guarded.record().isPresent() && !(ledger.send(guarded.record().get()) instanceof Answer.Granted)) {
                answer(exchange, 503, Map.of("title", "record_unavailable")); // no record, no answer
            } else if (guarded.answer() instanceof Checked.Refused<VerifiedDelegation> no) {
                var refusal = no.refusal();
                answer(exchange, refusal.httpStatus(), Map.of("title", refusal.reason().code()));
            } else if (TICKETS.containsKey(ticket)) {
                answer(exchange, 200, Map.of("id", ticket, "title", TICKETS.get(ticket)));
            } else {
                answer(exchange, 404, Map.of("title", "There is no such ticket"));
            }
        }
    }

    private Presented presented(HttpExchange exchange) {
        var token = header(exchange, "Authorization")
                .filter(value -> value.startsWith("DPoP "))
                .map(value -> value.substring("DPoP ".length()));
        return new Presented(
                token,
                token.isPresent() ? Presented.Scheme.DPOP : Presented.Scheme.NONE,
                exchange.getRequestHeaders().getOrDefault("DPoP", List.of()),
                Optional.empty(),
                exchange.getRequestMethod(),
                base + exchange.getRequestURI().getRawPath(),
                Set.of(AUDIENCE),
                false);
    }

    private static Call call(String action, List<String> resources) {
        return new Call(
                Surface.DOWNSTREAM,
                SERVICE,
                action,
                resources,
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                Optional.empty(),
                -1);
    }

    /** Asked for again with the next request where there are none: until then no delegation counts. */
    private Optional<IssuerKeys> keysOfTheAuthority() {
        var request = HttpRequest.newBuilder(authority.resolve("/oauth/jwks")).build();
        try (var http = HttpClient.newHttpClient()) {
            var body = http.send(request, BodyHandlers.ofByteArray()).body();
            return Optional.of(IssuerKeys.fromJwks(Json.readObject(body), Set.of(SignatureAlgorithm.ES256)));
        } catch (IOException | Json.Malformed unusable) {
            return Optional.empty();
        } catch (InterruptedException stopped) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }

    private static Optional<String> header(HttpExchange exchange, String name) {
        return Optional.ofNullable(exchange.getRequestHeaders().getFirst(name));
    }

    private static void answer(HttpExchange exchange, int status, Map<String, String> json) throws IOException {
        var body = Json.canonical(json);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
    }
}
