package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.OAuthError.Code;
import io.behalf.core.delegation.Binding;
import io.behalf.core.delegation.Checked;
import io.behalf.core.delegation.Delegation;
import io.behalf.core.delegation.DelegationClaims;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import io.behalf.verifier.DpopProofs;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The endpoints that agents call: token (RFC 6749, 8693, 9449), revocation (RFC 7009), introspection (RFC 7662). Blocking.
 */
final class Endpoints {
    static final String TOKEN = "/oauth/token";
    static final String REVOKE = "/oauth/revoke";
    static final String INTROSPECT = "/oauth/introspect";

    static final String EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";

    /** Proofs remembered at the token endpoint: one for each token made within two minutes. */
    static final int PROOFS = 1 << 18;

    /** Agents that it takes to fill that memory. One alone has 270 tokens a second, more than its rate can be. */
    static final int SHARES = 8;

    private final Parts parts;
    private final Starts starts;
    private final Renewals renewals;
    private final HandOvers handOvers;
    private final Approvals approvals;
    private final Stops stops;
    private final RequestRates rates;
    private final FailedTries failed = new FailedTries();
    private final DpopProofs proofs = new DpopProofs(PROOFS, SHARES, DpopProofs.Nonces.NOT_DEMANDED);

    Endpoints(Parts parts, Starts starts, Renewals renewals, HandOvers handOvers, Approvals approvals, Stops stops) {
        this.parts = parts;
        this.starts = starts;
        this.renewals = renewals;
        this.handOvers = handOvers;
        this.approvals = approvals;
        this.stops = stops;
        this.rates = new RequestRates(parts.config().rate(), parts.clock());
    }

    Reply token(Ask ask) {
        Instant now = parts.now();
        Answer<TokenRequest> request = authenticatedWithinRate(ask, now).flatMap(agent -> bound(ask, agent, now));
        return switch (request) {
            case Answer.No<TokenRequest>(var error) -> Reply.error(error);
            case Answer.Ok<TokenRequest>(var authentic) -> granted(authentic);
        };
    }

    private Reply granted(TokenRequest request) {
        Form form = request.form();
        return switch (form.one("grant_type").orElse("")) {
            case "authorization_code" -> answer(approvals.redeem(request), request, false);
            case "refresh_token" -> answer(renewals.renew(request), request, false);
            case "client_credentials" -> answer(starts.withNoSubject(request), request, false);
            case EXCHANGE -> exchange(request);
            case "" -> Reply.error(error(Code.INVALID_REQUEST, "The parameter grant_type is missing."));
            default -> Reply.error(error(Code.UNSUPPORTED_GRANT_TYPE, "This authority does not know that grant_type."));
        };
    }

    /** RFC 8693 §2.1: what is made depends on what is shown and what is wanted. */
    private Reply exchange(TokenRequest request) {
        Form form = request.form();
        Optional<OAuthError> actor = actor(request);
        if (actor.isPresent()) {
            return Reply.error(actor.get());
        }
        String wanted = form.one("requested_token_type").orElse(Granted.ACCESS_TOKEN);
        String shown = form.one("subject_token_type").orElse("");
        if (wanted.equals(HandOvers.HANDOVER)) {
            return shown.equals(Granted.ACCESS_TOKEN)
                    ? reply(handOvers.handOver(request).map(made -> Reply.json(200, made.toJson())))
                    : Reply.error(error(Code.INVALID_REQUEST, "Only a delegation can be handed over."));
        }
        if (!wanted.equals(Granted.ACCESS_TOKEN)) {
            return Reply.error(error(Code.INVALID_REQUEST, "This authority issues no tokens of the requested type."));
        }
        return switch (shown) {
            case HandOvers.HANDOVER -> answer(handOvers.take(request), request, true);
            case Starts.ID_TOKEN -> answer(starts.byExchange(request), request, true);
            case Granted.ACCESS_TOKEN ->
                answer(
                        ours(form.one("subject_token").orElse(""))
                                ? handOvers.otherAudience(request)
                                : starts.byExchange(request),
                        request,
                        true);
            default ->
                Reply.error(error(
                        Code.INVALID_REQUEST,
                        "subject_token_type is missing, or not one that this authority exchanges."));
        };
    }

    /** The authenticated client is the actor; a token that says so as well must be the client's own assertion. */
    private Optional<OAuthError> actor(TokenRequest request) {
        Optional<String> token = request.form().one("actor_token");
        if (token.isEmpty() != request.form().one("actor_token_type").isEmpty()) { // RFC 8693 §2.1
            return Optional.of(error(Code.INVALID_REQUEST, "actor_token and actor_token_type come together or not."));
        }
        if (token.isEmpty()) {
            return Optional.empty();
        }
        Map<String, List<String>> asClient = Map.of(
                "client_assertion", List.of(token.get()),
                "client_assertion_type", List.of(Agents.ASSERTION_TYPE));
        Answer<Agent> actor =
                parts.agents().authenticate(new Form(asClient), Optional.empty(), address(TOKEN), request.now());
        return actor instanceof Answer.Ok<Agent>(var agent)
                        && agent.id().equals(request.agent().id())
                ? Optional.empty()
                : Optional.of(error(Code.INVALID_REQUEST, "The actor token is not of the authenticated client."));
    }

    /** Only where to go with the token: everything is checked there. */
    private boolean ours(String token) {
        try {
            return CompactJws.parse(token)
                    .claim("iss")
                    .equals(Optional.of(parts.config().issuer()));
        } catch (Json.Malformed e) {
            return false;
        }
    }

    /** RFC 9126. A DPoP proof is welcome and binds the code (RFC 9449 §10.1); it is not needed yet. */
    Reply push(Ask ask) {
        Instant now = parts.now();
        Answer<Agent> known = authenticatedWithinRate(ask, now);
        if (!(known instanceof Answer.Ok<Agent>(var agent))) {
            return refused(known);
        }
        Optional<String> proved = Optional.empty();
        if (!ask.proofs().isEmpty()) {
            Answer<VerificationKey> proof = proof(ask, agent, now);
            if (!(proof instanceof Answer.Ok<VerificationKey>(var key))) {
                return refused(proof);
            }
            proved = Optional.of(key.thumbprint());
        }
        return reply(approvals.push(ask.form(), agent, proved).map(json -> Reply.json(201, json)));
    }

    /** RFC 7009. A token that is not the caller's is left alone, and the answer does not tell. */
    Reply revoke(Ask ask) {
        Instant now = parts.now();
        Answer<Agent> known = unlessTooOften(
                ask, now, parts.agents().authenticateToStop(ask.form(), ask.authorization(), address(ask.path()), now));
        if (!(known instanceof Answer.Ok<Agent>(var agent))) {
            return refused(known);
        }
        Answer<String> token = ask.form().required("token");
        if (!(token instanceof Answer.Ok<String>(var shown))) {
            return refused(token);
        }
        Optional<RenewalTable.Renewal> renewal =
                parts.store().read(sql -> parts.renewals().find(sql, shown));
        OwedStops.Kept kept = OwedStops.Kept.WHOLE;
        if (renewal.isPresent()) {
            kept = giveUp(renewal.get(), agent, now);
        } else if (parts.verifier().genuine(shown, now) instanceof Checked.Passed<Delegation>(var d)
                && d.actor().equals(agent.id())) {
            kept = parts.store()
                    .read(sql -> parts.tasks().find(sql, d.taskId()))
                    .map(task -> stops.token(task, d))
                    .orElse(kept);
        }
        // RFC 7009 §2.2.1: in force already, but a restart could forget it, so the agent is to ask again
        return kept.survives()
                ? Reply.nothing(200)
                : Reply.error(error(
                        Code.TEMPORARILY_UNAVAILABLE, "It is stopped, but that cannot be stored just now. Try again."));
    }

    /** The task's own agent ends the task by its renewal token; a sub-agent only leaves it. */
    private OwedStops.Kept giveUp(RenewalTable.Renewal renewal, Agent agent, Instant now) {
        if (!renewal.actors().getFirst().equals(agent.id())) {
            return OwedStops.Kept.WHOLE;
        }
        Optional<KnownTask> task = parts.store().read(sql -> parts.tasks().find(sql, renewal.task()));
        if (task.isEmpty() || (task.get().over(now).isPresent() && !stops.owes(renewal.task()))) {
            return OwedStops.Kept.WHOLE;
        }
        return renewal.actors().size() == 1 ? stops.end(task.get()) : stops.leave(task.get(), agent.id());
    }

    /** RFC 7662, for the token's own agents and for those who serve its audience; to others no token is active. */
    Reply introspect(Ask ask) {
        Instant now = parts.now();
        Answer<Agent> known = authenticated(ask, now);
        if (!(known instanceof Answer.Ok<Agent>(var agent))) {
            return refused(known);
        }
        Answer<String> token = ask.form().required("token");
        if (!(token instanceof Answer.Ok<String>(var shown))) {
            return refused(token);
        }
        if (parts.verifier().genuine(shown, now) instanceof Checked.Passed<Delegation>(var d)
                && (d.actors().contains(agent.id()) || agent.introspects().contains(d.audience()))) {
            Map<String, @Nullable Object> out = new LinkedHashMap<>(DelegationClaims.toJson(d));
            out.put("active", true);
            out.put("token_type", d.binding() instanceof Binding.Key ? "DPoP" : "Bearer");
            return Reply.json(200, out);
        }
        return Reply.json(200, Map.of("active", false));
    }

    /**
     * Whoever fails too often from one address is told to wait. Whoever does not fail is let in all the same: many agents
     * may share an address, behind a proxy all do, and a stranger there must not shut them out.
     */
    Answer<Agent> authenticated(Ask ask, Instant now) {
        return unlessTooOften(
                ask, now, parts.agents().authenticate(ask.form(), ask.authorization(), address(ask.path()), now));
    }

    /** The same where something may be granted, which is kept. */
    private Answer<Agent> authenticatedWithinRate(Ask ask, Instant now) {
        String address = address(ask.path());
        return unlessTooOften(
                ask, now, parts.agents().authenticate(ask.form(), ask.authorization(), address, now, rates));
    }

    private Answer<Agent> unlessTooOften(Ask ask, Instant now, Answer<Agent> agent) {
        if (!(agent instanceof Answer.No<Agent>(var error)) || error.code() != Code.INVALID_CLIENT) {
            return agent;
        }
        if (failed.tooMany(ask.from(), now)) {
            return Answer.no(Code.SLOW_DOWN, "Too many failed authentications from this address. Try again shortly.");
        }
        failed.add(ask.from(), now);
        return agent;
    }

    /** RFC 9449 §5: a proof binds what is issued. Without one, only where unbound tokens are allowed at all. */
    private Answer<TokenRequest> bound(Ask ask, Agent agent, Instant now) {
        if (ask.proofs().isEmpty()) {
            return parts.config().allowUnbound()
                    ? Answer.ok(new TokenRequest(ask.form(), agent, new Binding.Unbound(), now))
                    : Answer.no(
                            Code.INVALID_DPOP_PROOF, "Delegations are bound to a key here: send a DPoP proof.", "none");
        }
        return proof(ask, agent, now)
                .map(key -> new TokenRequest(ask.form(), agent, new Binding.Key(key.thumbprint()), now));
    }

    private Answer<VerificationKey> proof(Ask ask, Agent agent, Instant now) {
        var expected = DpopProofs.Expected.atTokenEndpoint(ask.method(), address(ask.path()), Optional.empty());
        return switch (proofs.check(ask.proofs(), expected, agent.id(), now)) {
            case Checked.Passed<VerificationKey>(var key) -> Answer.ok(key);
            case Checked.Refused<VerificationKey>(var refusal) ->
                Answer.no(
                        Code.INVALID_DPOP_PROOF,
                        refusal.sentence(),
                        refusal.detail().orElse(refusal.reason().code()));
        };
    }

    private String address(String path) {
        return parts.config().issuer() + path;
    }

    private static Reply answer(Answer<Granted> granted, TokenRequest request, boolean exchanged) {
        return reply(granted.map(g -> Reply.json(200, g.toJson(request.now(), exchanged))));
    }

    private static Reply reply(Answer<Reply> answer) {
        return switch (answer) {
            case Answer.Ok<Reply>(var made) -> made;
            case Answer.No<Reply>(var error) -> Reply.error(error);
        };
    }

    private static Reply refused(Answer<?> answer) {
        return answer instanceof Answer.No<?>(var error) ? Reply.error(error) : Reply.nothing(500);
    }

    private static OAuthError error(Code code, String description) {
        return new OAuthError(code, description, Optional.empty());
    }
}
