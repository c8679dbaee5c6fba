package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Authentication;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.OnBehalfOf;
import io.behalf.core.delegation.Scope;
import io.behalf.core.delegation.ShownText;
import io.behalf.core.json.Json;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/** Agents that were registered while running. Nothing in a registration is secret: public keys, or a secret's digest. */
final class AgentTable {
    private AgentTable() {}

    static List<Agent> all(Store store) {
        return store.transaction(sql -> sql.createQuery("select registration from agent order by id")
                .map((row, ctx) -> read(row.getString(1)))
                .list());
    }

    static void put(Handle sql, Agent agent) {
        sql.createUpdate("insert or replace into agent (id, registration) values (?, ?)")
                .bind(0, agent.id())
                .bind(1, canonical(agent))
                .execute();
    }

    /** RFC 8785 form of a registration. */
    static String canonical(Agent agent) {
        return new String(Json.canonical(toJson(agent)), StandardCharsets.UTF_8);
    }

    /** Also what the facts of a token commit to: the registration that was in force. */
    static Map<String, @Nullable Object> toJson(Agent agent) {
        Map<String, @Nullable Object> out = new LinkedHashMap<>();
        out.put("id", agent.id());
        out.put("display_name", agent.displayName());
        switch (agent.authentication()) {
            case Authentication.PrivateKeyJwt(var jwks) -> out.put("jwks", jwks);
            case Authentication.Secret(var sha256) -> out.put("secret_sha256", sha256);
        }
        Map<String, @Nullable Object> clients = new LinkedHashMap<>();
        agent.providerClients().forEach((provider, ids) -> clients.put(provider, sorted(ids)));
        out.put("provider_clients", clients);
        agent.scope().ifPresent(scope -> out.put("scope", task(scope).toJson()));
        out.put("redirect_uris", sorted(agent.redirectUris()));
        out.put("may_hand_over_to", sorted(agent.mayHandOverTo()));
        agent.noSubject()
                .ifPresent(n -> out.put("no_subject", Map.of("category", n.category(), "reason_code", n.reasonCode())));
        out.put("max_depth", agent.maxDepth());
        out.put("introspects", sorted(agent.introspects()));
        return out;
    }

    private static Agent read(String registration) {
        try {
            Map<String, @Nullable Object> json = Json.readObject(registration.getBytes(StandardCharsets.UTF_8));
            Map<String, Set<String>> clients = new LinkedHashMap<>();
            if (json.get("provider_clients") instanceof Map<?, ?> map) {
                map.forEach((provider, ids) -> clients.put((String) provider, Set.copyOf(Providers.strings(ids))));
            }
            return new Agent(
                    text(json, "id"),
                    shown(text(json, "display_name"), text(json, "id")),
                    json.containsKey("jwks")
                            ? new Authentication.PrivateKeyJwt(text(json, "jwks"))
                            : new Authentication.Secret(text(json, "secret_sha256")),
                    clients,
                    json.containsKey("scope")
                            ? Optional.of(BehalfTask.fromJson(json.get("scope")).scope())
                            : Optional.empty(),
                    Set.copyOf(Providers.strings(json.get("redirect_uris"))),
                    Set.copyOf(Providers.strings(json.get("may_hand_over_to"))),
                    json.get("no_subject") instanceof Map<?, ?> nobody
                            ? Optional.of(
                                    new OnBehalfOf.NoSubject(text(nobody, "category"), text(nobody, "reason_code")))
                            : Optional.empty(),
                    json.get("max_depth") instanceof Long depth ? depth.intValue() : AuthorityConfig.DEFAULT_DEPTH,
                    Set.copyOf(Providers.strings(json.get("introspects"))));
        } catch (Json.Malformed | IllegalArgumentException e) {
            throw new StoreFault("a registered agent of the store is not one", e);
        }
    }

    /** A name that was registered before names were checked, and that people are not to be shown, is not lost: it is the id. */
    private static String shown(String name, String id) {
        return ShownText.holds(name, Agent.MAX_DISPLAY_NAME) ? name : id;
    }

    /** A scope has a JSON form only as part of a task. */
    static BehalfTask task(Scope scope) {
        return new BehalfTask("registration", scope, Limits.NONE, Optional.empty(), Optional.empty());
    }

    private static List<String> sorted(Set<String> values) {
        return values.stream().sorted().toList();
    }

    private static String text(Map<?, ?> json, String name) {
        if (json.get(name) instanceof String text) {
            return text;
        }
        throw new StoreFault("a registered agent of the store lacks " + name, null);
    }
}
