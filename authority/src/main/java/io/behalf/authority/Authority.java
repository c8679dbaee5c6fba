package io.behalf.authority;

import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Reason;
import io.behalf.core.delegation.Refusal;
import io.behalf.core.delegation.TaskId;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.record.AuditRecord.Event;
import io.behalf.core.record.AuditRecord.Lifecycle;
import io.behalf.verifier.DelegationVerifier;
import io.behalf.verifier.DpopProofs;
import io.behalf.verifier.IssuerKeys;
import io.behalf.verifier.Revocations;
import io.behalf.verifier.TrustedIssuers;
import io.vertx.ext.web.Router;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Instant;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import javax.crypto.SecretKey;
import javax.crypto.spec.SecretKeySpec;

/**
 * Who may act for whom: starts tasks, renews, narrows and stops them, and answers the verifier's questions about keys and
 * stops. Everything here blocks and belongs on a virtual thread, but {@link #issuers} and {@link #revocations}, which
 * answer from memory.
 */
public final class Authority implements AutoCloseable {
    private final AuthorityConfig config;
    final Parts parts;
    private final Fetch fetch;
    private final OwedStops owed;
    private final Stops stops;
    private final HandOvers handOvers;
    private final Approvals approvals;
    private final Endpoints endpoints;
    private final Logouts logouts;
    private final Http http;
    private final Closer closer;
    private final TrustedIssuers issuers;

    private Authority(AuthorityConfig config, Parts parts, Fetch fetch, OpenCalls openCalls, TrustedIssuers issuers) {
        this.config = config;
        this.parts = parts;
        this.fetch = fetch;
        this.issuers = issuers;
        this.owed = new OwedStops(parts.changes(), parts.stops());
        this.stops = new Stops(parts, owed);
        this.handOvers = new HandOvers(parts);
        Starts starts = new Starts(parts);
        this.approvals = new Approvals(parts, starts, new RoundTrips(parts, fetch), new Codes(parts, starts, stops));
        this.endpoints = new Endpoints(parts, starts, new Renewals(parts, stops), handOvers, approvals, stops);
        this.logouts = new Logouts(parts);
        this.http = new Http(Approvals.COOKIE);
        this.closer = new Closer(parts, stops, openCalls);
    }

    /**
     * Opens keys and store in the data directory and brings the store and the ledger to the same point.
     *
     * @throws StoreFault when they do not belong together, or the store was altered
     */
    public static Authority open(AuthorityConfig config, Path data, Records records, OpenCalls openCalls, Clock clock) {
        SecureRandom random = new SecureRandom();
        Path directory = data.resolve("keys");
        Keys keys = Keys.open(directory, config.algorithm(), clock.instant());
        Sealer sealer = Keys.sealer(directory, random);
        Store store = Store.open(data.resolve("behalf.db"));
        LiveStops live = new LiveStops();
        TaskTable tasks = new TaskTable(sealer, live);
        RenewalTable renewals = new RenewalTable(sealer, live);
        Shelf shelf = new Shelf(sealer);
        Changes changes = new Changes(store, records, tasks, renewals);
        try {
            changes.recover(clock.instant());
            loadStops(store, tasks, live, clock.instant());
        } catch (RuntimeException | Error e) {
            store.close(); // or it would leave more beside the store than it found
            throw e;
        }
        Fetch fetch = new Fetch();
        TrustedIssuers issuers = issuer -> issuer.equals(config.issuer())
                // each key has one algorithm, and all of them were made here
                ? Optional.of(new IssuerKeys(EnumSet.allOf(SignatureAlgorithm.class), keys.published()))
                : Optional.empty();
        Authority authority = new Authority(
                config,
                new Parts(
                        config,
                        store,
                        sealer,
                        changes,
                        tasks,
                        renewals,
                        shelf,
                        new Agents(config.issuer(), config.agents(), store, shelf),
                        new Providers(config.providers(), fetch, clock),
                        new Issuer(config, keys, clock, random),
                        keys,
                        live,
                        new DelegationVerifier(issuers, live, new DpopProofs(1, DpopProofs.Nonces.NOT_DEMANDED)),
                        new ApprovalText(config.services()),
                        clock,
                        random),
                fetch,
                openCalls,
                issuers);
        authority.owed.start();
        authority.closer.start();
        return authority;
    }

    /** Mounts {@code /.well-known/…} and {@code /oauth/…} of the issuer. */
    public void mount(Router router) {
        Reply metadata = Reply.json(200, Metadata.of(config)).with("Cache-Control", "public, max-age=300");
        http.get(router, "/.well-known/oauth-authorization-server", "", ask -> metadata);
        http.get(router, "/.well-known/openid-configuration", "", ask -> metadata);
        http.get(router, "/oauth/jwks", "/oauth/jwks", ask -> Reply.json(
                        200, parts.keys().jwks())
                .with("Cache-Control", "public, max-age=60"));
        http.post(router, Approvals.PAR, Approvals.PAR, endpoints::push);
        http.get(router, Approvals.AUTHORIZE, Approvals.AUTHORIZE, approvals::authorize);
        http.get(router, Approvals.CALLBACK, Approvals.CALLBACK, approvals::callback);
        http.get(router, Approvals.PAGE, Approvals.PAGE, approvals::page);
        http.post(router, Approvals.PAGE, Approvals.PAGE, approvals::choose);
        http.post(router, Endpoints.TOKEN, Endpoints.TOKEN, endpoints::token);
        http.post(router, Endpoints.REVOKE, Endpoints.REVOKE, endpoints::revoke);
        http.post(router, Endpoints.INTROSPECT, Endpoints.INTROSPECT, endpoints::introspect);
        http.postApart(router, Logouts.PATH, Logouts.PATH, logouts::backchannel);
    }

    /** This authority's keys, as they are now. */
    public TrustedIssuers issuers() {
        return issuers;
    }

    /** What is stopped, as it is now. */
    public Revocations revocations() {
        return parts.stops();
    }

    public Tasks tasks() {
        return new Tasks() {
            @Override
            public Checked<Opened> open(TaskId id) {
                return openTask(id);
            }

            @Override
            public void used(Map<TaskId, Used> totals) {
                parts.store().transaction(sql -> {
                    totals.forEach((id, used) -> parts.tasks().used(sql, id, used));
                    return true;
                });
            }
        };
    }

    /**
     * A token for one downstream service, bound to the gateway's key, no longer than the delegation it stands for.
     *
     * @param audience one of the configured audiences
     */
    public Checked<MintedToken> mint(Delegation delegation, String audience, Binding.Key gateway) {
        Optional<AuthorityConfig.Audience> service = config.audiences().stream()
                .filter(a -> a.uri().equals(audience))
                .findFirst();
        if (service.isEmpty()) {
            throw new IllegalArgumentException("no audience of the configuration: " + audience);
        }
        return switch (handOvers.forService(delegation, service.get(), gateway)) {
            case Answer.Ok<Granted>(var granted) ->
                Checked.passed(new MintedToken(
                        granted.issued().token(), granted.issued().delegation()));
            case Answer.No<Granted>(var error) ->
                Checked.refused(Refusal.of(
                        error.code() == OAuthError.Code.INVALID_SCOPE
                                ? Reason.SCOPE_EXCEEDED
                                : Reason.DELEGATION_REVOKED,
                        error.description()));
        };
    }

    /**
     * Stops what falls under the request, before this returns and everywhere in this process, also while neither store nor
     * ledger can be written: then they get it later, and the answer says so.
     *
     * @throws StoreUnavailable when the store cannot be read, so that nobody knows what falls: nothing was stopped
     */
    public Stopped revoke(RevokeRequest request) {
        return stops.stop(request);
    }

    /** Told of each stop at once, on the thread that makes it; returns quickly. */
    public void onStopped(Consumer<Stop> listener) {
        parts.stops().listen(listener);
    }

    /** Adds an agent, or replaces one that was added before. Those of the configuration stay as they are. */
    public void register(AuthorityConfig.Agent agent) {
        if (config.agents().stream().anyMatch(known -> known.id().equals(agent.id()))) {
            throw new IllegalArgumentException("agent " + agent.id() + " stands in the configuration");
        }
        if (parts.agents().find(agent.id()).equals(Optional.of(agent))) {
            return;
        }
        Lifecycle change = parts.issuer()
                .record(
                        Event.CONFIGURATION,
                        Map.of(
                                "agent", agent.id(),
                                "registration_sha256", Digests.hex(AgentTable.canonical(agent))));
        parts.changes().commit(List.of(change), sql -> {
            AgentTable.put(sql, agent);
            return Answer.ok(true);
        });
        parts.agents().add(agent);
    }

    public Optional<AuthorityConfig.Agent> agent(String id) {
        return parts.agents().find(id);
    }

    /** Who and what is behind the tasks. */
    public Identities identities() {
        return new Identities(parts.store(), parts.tasks(), false);
    }

    @Override
    public void close() {
        closer.close();
        http.close();
        owed.close();
        fetch.close();
        parts.store().close();
    }

    private Checked<Tasks.Opened> openTask(TaskId id) {
        return parts.store().transaction(sql -> {
            Optional<KnownTask> task = parts.tasks().find(sql, id);
            Optional<byte[]> key = parts.tasks().recordKey(sql, id);
            if (task.isEmpty() || key.isEmpty()) {
                return Checked.refused(Refusal.of(
                        Reason.DELEGATION_REVOKED, "This authority does not know the task. Start a new one."));
            }
            Optional<Reason> over = task.get().over(parts.now());
            if (over.isPresent()) {
                return Checked.refused(Refusal.of(over.get(), "The task is over. Start a new one."));
            }
            SecretKey mac = new SecretKeySpec(key.get(), "HmacSHA256");
            Limits limits = task.get().task().limits();
            return Checked.passed(new Tasks.Opened(
                    id, mac, limits, parts.tasks().used(sql, id), task.get().end()));
        });
    }

    private static void loadStops(Store store, TaskTable tasks, LiveStops live, Instant now) {
        store.transaction(sql -> {
            StopRow.inForce(sql, now).forEach(live::keep);
            MadeFrom.inForce(sql, now).forEach(live::made);
            tasks.stopped(sql, now).forEach(live::keep);
            return true;
        });
    }
}
