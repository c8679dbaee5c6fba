package io.behalf.server;

import io.behalf.authority.Authority;
import io.behalf.authority.AuthorityConfig;
import io.behalf.authority.DevelopmentProvider;
import io.behalf.authority.Stop;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.json.Json;
import io.behalf.gateway.Closing;
import io.behalf.gateway.Connections;
import io.behalf.gateway.Gateway;
import io.behalf.gateway.GatewayConfig;
import io.behalf.ledger.EmbeddedLedger;
import io.behalf.ledger.LedgerFault;
import io.behalf.ledger.LedgerSettings;
import io.behalf.policy.Policy;
import io.behalf.policy.PolicyProblems;
import io.behalf.verifier.DelegationVerifier;
import io.behalf.verifier.DpopProofs;
import io.vertx.core.DeploymentOptions;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClosedException;
import io.vertx.core.net.SocketAddress;
import io.vertx.ext.web.Router;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/**
 * One running server: authority, gateway and ledger of one data directory behind one address. Opened in the order in which
 * each needs the last, closed in the opposite one.
 */
final class Server implements AutoCloseable {
    /** Event loops that carry calls; more than the machine's processors would only wait for each other. */
    static final int MAX_LOOPS = 8;

    /** Of the owner's socket: commands of one person, and they are brief. */
    static final Connections.Limits OWNERS = Connections.Limits.of(64);

    private static final Duration CLOSES_WITHIN = Duration.ofSeconds(30);
    private static final Logger LOG = System.getLogger(Server.class.getName());

    private final Configuration configuration;
    private final Deque<AutoCloseable> opened = new ArrayDeque<>();
    private final CompletableFuture<LedgerFault> failed = new CompletableFuture<>();
    private volatile Health.State state = Health.State.READY;
    private Health health;
    private Optional<DevelopmentProvider> people = Optional.empty();
    private Authority authority;
    private Stories stories;

    /**
     * Everything from the ledger up; when it returns, calls are answered.
     *
     * @param vertx the caller's to close, after the server
     * @throws CommandFailed with what is wrong and how to put it right
     */
    static Server start(
            Vertx vertx,
            Configuration configuration,
            DataDirectory data,
            Map<String, String> environment,
            Clock clock) {
        var server = new Server(configuration);
        try {
            server.open(vertx, data, environment, clock);
            return server;
        } catch (IOException e) {
            var failed = CommandFailed.unreachable(data.path() + ": " + e.getMessage());
            server.closeAfter(failed);
            throw failed;
        } catch (RuntimeException | Error e) {
            server.closeAfter(e);
            throw e;
        }
    }

    /** What kept the server from starting is told, whatever goes wrong besides. */
    private void closeAfter(Throwable failed) {
        try {
            close();
        } catch (RuntimeException besides) {
            failed.addSuppressed(besides);
        }
    }

    @SuppressWarnings("NullAway.Init") // set by open, which start calls before anybody has the server
    private Server(Configuration configuration) {
        this.configuration = configuration;
    }

    private void open(Vertx vertx, DataDirectory data, Map<String, String> environment, Clock clock)
            throws IOException {
        var where = configuration.server();
        data.prepare(where.development());
        EmbeddedLedger ledger = opened(EmbeddedLedger.open(settings(data, environment, clock)));
        health = new Health(() -> state, () -> ledger.index().behind().isPresent(), ledger::ready);
        ledger.stopped().thenAccept(fault -> {
            state = Health.State.LEDGER_STOPPED;
            failed.complete(fault);
        });

        // the authority asks the gateway when it closes a task, and the gateway asks the authority about everything
        var calls = new CompletableFuture<Gateway>();
        authority = opened(Authority.open(
                configuration.authority(),
                data.path(),
                new LedgerRecords(ledger),
                task -> calls.isDone() ? calls.join().settled(task) : CompletableFuture.completedFuture(null),
                clock));
        var tokens = opened(new MintedTokens(authority, clock));
        var tasks = opened(new TaskStates(authority));
        var gateway = new Gateway(
                vertx,
                gatewayConfig(UnattributedKey.open(data)),
                policy(),
                new Gateway.Edges(
                        new DelegationVerifier(authority.issuers(), authority.revocations(), new DpopProofs()),
                        authority.issuers(),
                        // the only issuer is this process's own, whose keys are always as new as they get
                        _ -> CompletableFuture.completedFuture(null),
                        authority.revocations(),
                        tasks,
                        tokens,
                        ledger,
                        clock));
        calls.complete(gateway);
        opened(() -> await(gateway.close()));
        authority.onStopped(stop -> stopped(stop, gateway, tasks));

        stories = new Stories(ledger, authority.identities(), where.node(), clock);
        var services = serviceChains(ledger, tokens, clock);
        var api = opened(new Api(configuration, authority, stories, services, clock));
        Router pages = pages(vertx, data, api, clock);
        listen(vertx, gateway, pages);
        listenToOwner(vertx, data.socket(environment), api);
    }

    private <T extends AutoCloseable> T opened(T part) {
        opened.push(part);
        return part;
    }

    private static void stopped(Stop stop, Gateway gateway, TaskStates tasks) {
        gateway.stopped(io.behalf.gateway.Stop.of(stop::affects));
        if (stop instanceof Stop.OfTask(TaskId task, var _)) {
            tasks.over(task);
        }
    }

    // ---- what the parts are told

    private LedgerSettings settings(DataDirectory data, Map<String, String> environment, Clock clock) {
        var options = configuration.ledger();
        Path pin = options.pinFile().orElseGet(() -> options.origin()
                .map(origin -> DataDirectory.pin(origin, environment))
                // the random origin of development mode is not known yet, and nobody outside holds it against anything
                .orElse(data.path().resolve("pin")));
        return new LedgerSettings(
                data.path(),
                options.log(),
                options.origin(),
                configuration.server().node(),
                Optional.of(pin),
                options.segmentBytes(),
                options.queueRecords(),
                LedgerSettings.GROUP_RECORDS,
                options.appendTimeout(),
                options.checkpointInterval(),
                LedgerSettings.RESIDENT_TASKS,
                clock);
    }

    private GatewayConfig gatewayConfig(UnattributedKey key) {
        var where = configuration.server();
        return new GatewayConfig(
                where.base(),
                configuration.authority().issuer(),
                where.node(),
                where.hosts(),
                where.origins(),
                configuration.routes(),
                configuration.callers(),
                key.hmac());
    }

    private Policy policy() {
        try {
            return Policy.compile(configuration.policy());
        } catch (PolicyProblems e) {
            throw new IllegalStateException("the configuration's policy was compiled when it was read", e);
        }
    }

    private ServiceChains serviceChains(EmbeddedLedger ledger, MintedTokens tokens, Clock clock) {
        try {
            return new ServiceChains(
                    configuration.registered(),
                    ledger,
                    ledger,
                    tokens,
                    clock,
                    configuration.server().node());
        } catch (Json.Malformed e) {
            throw CommandFailed.usage("The signing-keys of a service are no JWK set: " + e.getMessage());
        }
    }

    // ---- what is answered

    private Router pages(Vertx vertx, DataDirectory data, Api api, Clock clock) {
        var where = configuration.server();
        Router router = Router.router(vertx);
        router.route().handler(new Doorman(where)::handle);
        health.mount(router);
        authority.mount(router);
        people = developmentProvider(clock);
        people.ifPresent(provider -> {
            opened(provider);
            provider.mount(router, Development.PROVIDER_PATH);
        });
        var token = new Access.Token(where.apiToken());
        api.mount(router, token);
        Access readers = configuration.ledger().readers() == Configuration.Readers.ANYONE ? new Access.Anyone() : token;
        new LedgerFiles(
                        configuration.ledger().log(),
                        data.log(configuration.ledger().log()),
                        readers)
                .mount(router);
        problems(router);
        return router;
    }

    /** What no endpoint answers itself. Only the server's own faults reach the log: anybody can send what is malformed. */
    private static void problems(Router router) {
        Map.of(
                        400, "The request is not well-formed.",
                        404, "There is nothing here.",
                        405, "Not with this method.",
                        413, "The body is too large.",
                        503, "The server is busy. Try again in a moment.")
                .forEach((status, detail) ->
                        router.errorHandler(status, context -> ProblemJson.answer(context.response(), status, detail)));
        // Whoever asked has gone, in the middle of the body perhaps: there is nobody to answer, and nothing to tell. As
        // an error that
        // nobody handles it would be an entry in the log for each.
        router.route().failureHandler(context -> {
            if (!(context.failure() instanceof HttpClosedException || context.failure() instanceof IOException)
                    || !context.response().closed()) {
                context.next();
            }
        });
        router.errorHandler(500, context -> {
            LOG.log(Level.ERROR, context.request().method() + " failed", context.failure());
            ProblemJson.answer(context.response(), 500, "The server failed; its log says how.");
        });
    }

    /** The built-in one, where the configuration trusts it: pretend people, so in development mode only. */
    private Optional<DevelopmentProvider> developmentProvider(Clock clock) {
        String issuer = configuration.server().base() + Development.PROVIDER_PATH;
        return configuration.authority().providers().stream()
                .filter(provider -> provider.issuer().equals(issuer))
                .findFirst()
                .map(provider -> {
                    if (!configuration.server().development()) {
                        throw CommandFailed.usage("The provider " + provider.name()
                                + " is the built-in one, whose people are pretend: set server.development, or name"
                                + " your own provider's issuer.");
                    }
                    return new DevelopmentProvider(issuer, clients(provider), clock);
                });
    }

    private List<DevelopmentProvider.Client> clients(AuthorityConfig.Provider provider) {
        Map<String, DevelopmentProvider.Client> clients = new HashMap<>();
        clients.put(
                provider.clientId(),
                new DevelopmentProvider.Client(
                                provider.clientId(),
                                provider.clientSecret(),
                                Set.of(configuration.authority().issuer() + "/oauth/callback"),
                                provider.audiences())
                        .toldOfLogouts(configuration.authority().issuer()));
        configuration.authority().agents().stream()
                .flatMap(agent -> agent.providerClients().getOrDefault(provider.name(), Set.of()).stream())
                .forEach(id -> clients.putIfAbsent(
                        id, new DevelopmentProvider.Client(id, Optional.empty(), Set.of(), provider.audiences())));
        return List.copyOf(clients.values());
    }

    private void listen(Vertx vertx, Gateway gateway, Router pages) {
        var where = configuration.server();
        int loops = Math.clamp(Runtime.getRuntime().availableProcessors(), 1, MAX_LOOPS);
        var limits = FrontDoor.limits(loops);
        Future<String> deployed = vertx.deployVerticle(
                () -> FrontDoor.of(where, gateway, pages, limits, this::drain),
                new DeploymentOptions().setInstances(loops));
        try {
            String id = await(deployed);
            opened(() -> {
                if (state == Health.State.READY) {
                    state = Health.State.DRAINING;
                }
                await(vertx.undeploy(id), where.drain().plus(CLOSES_WITHIN));
            });
        } catch (CompletionException e) {
            throw CommandFailed.usage(
                    "Nothing can listen on " + where.address() + ":" + where.port() + ": "
                            + Optional.ofNullable(e.getCause()).orElse(e).getMessage()
                            + ". Set server.port or server.address, --port without a configuration, or stop what listens there.");
        }
    }

    /** No outcome can be written to a ledger that has stopped, so there is nothing to wait for. */
    private Duration drain() {
        return state == Health.State.LEDGER_STOPPED
                ? Duration.ZERO
                : configuration.server().drain();
    }

    private void listenToOwner(Vertx vertx, Path socket, Api api) throws IOException {
        // this process has the directory's lock, so whoever made a socket there before is gone
        Files.deleteIfExists(socket);
        Router router = Router.router(vertx);
        health.mount(router);
        api.mount(router, new Access.Owner());
        problems(router);
        var owner = new FrontDoor(
                SocketAddress.domainSocketAddress(socket.toString()),
                OWNERS,
                () -> request -> {
                    if (request.decoderResult().isFailure()) {
                        ProblemJson.answer(request.response(), 400, "The request is not well-formed.");
                        Closing.soon(request.connection());
                    } else {
                        router.handle(request);
                    }
                },
                () -> Duration.ZERO);
        try {
            String id = await(vertx.deployVerticle(owner));
            opened(() -> {
                await(vertx.undeploy(id));
                Files.deleteIfExists(socket);
            });
        } catch (CompletionException e) {
            throw new IOException(
                    "the owner's socket " + socket + " cannot be made: "
                            + Optional.ofNullable(e.getCause()).orElse(e).getMessage(),
                    e);
        }
        Files.setPosixFilePermissions(socket, PosixFilePermissions.fromString("rw-------"));
    }

    // ---- what others ask of a running server

    URI base() {
        return configuration.server().base();
    }

    Configuration configuration() {
        return configuration;
    }

    Authority authority() {
        return authority;
    }

    Stories stories() {
        return stories;
    }

    /** The pretend people, where the configuration has them. */
    Optional<DevelopmentProvider> people() {
        return people;
    }

    /** Their passwords, for whoever started the server and nobody else. */
    void tellPeople(PrintWriter told) {
        people.map(DevelopmentProvider::passwords)
                .ifPresent(passwords -> passwords.forEach(
                        (name, password) -> told.println("  pretend person " + name + ", password " + password)));
    }

    /** Completes when the ledger has stopped by itself: nothing can be recorded any more, so nothing is answered. */
    CompletionStage<LedgerFault> failed() {
        return failed.minimalCompletionStage();
    }

    /** Takes nothing new, lets calls end for a while, cuts the rest with their outcome, and closes the ledger last. */
    @Override
    public void close() {
        RuntimeException first = null;
        while (!opened.isEmpty()) {
            try {
                opened.pop().close();
            } catch (Exception e) {
                var fault = e instanceof RuntimeException unchecked ? unchecked : new IllegalStateException(e);
                if (first == null) {
                    first = fault;
                } else {
                    first.addSuppressed(fault);
                }
            }
        }
        if (first != null) {
            throw first;
        }
    }

    private static <T> T await(Future<T> future) {
        return await(future, CLOSES_WITHIN);
    }

    private static <T> T await(Future<T> future, Duration atMost) {
        return future.toCompletionStage()
                .toCompletableFuture()
                .orTimeout(atMost.toMillis(), TimeUnit.MILLISECONDS)
                .join();
    }
}
