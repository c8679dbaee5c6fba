package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Agent;
import io.behalf.authority.AuthorityConfig.Risk;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import io.behalf.core.jose.CompactJws;
import io.behalf.core.json.Json;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** The page on which a person sees what may be granted, and what their form says when it comes back. */
final class ApprovalPage {
    /** Shorter ends that the page offers, where the task is longer. */
    private static final List<Duration> SHORTER = List.of(Duration.ofHours(1), Duration.ofHours(4), Duration.ofDays(1));

    private final Parts parts;
    private final Starts starts;
    private final Pages pages;

    ApprovalPage(Parts parts, Starts starts, Pages pages) {
        this.parts = parts;
        this.starts = starts;
        this.pages = pages;
    }

    /**
     * An identified person before the page.
     *
     * @param csrf what the form must bring back
     * @param idToken of the first round trip, checked
     * @param offered what may be granted
     */
    record Waiting(
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

        /** The person of the first round trip; their token was checked when it came. */
        Providers.Signed person(Providers providers) {
            try {
                CompactJws token = CompactJws.parse(idToken);
                return new Providers.Signed(
                        providers.named(request.provider()).orElseThrow(),
                        token.claims(),
                        token.claim("sub").orElseThrow(),
                        since);
            } catch (Json.Malformed e) {
                throw new StoreFault("a value of the shelf is not what was put there", e);
            }
        }
    }

    /** Who waits before the page of this flow, in this browser. */
    Optional<Waiting> waiting(Ask ask, String flow) {
        return parts.store()
                .transaction(sql -> parts.shelf().look(sql, Shelf.Kind.APPROVAL, flow, parts.now()))
                .map(Waiting::fromJson)
                .filter(w -> ask.fromBrowser(w.browser()));
    }

    /** @param problem with what the form brought back, or empty */
    Reply show(int status, String flow, Waiting waiting, String problem) {
        Agent agent = parts.agents().find(waiting.request().agent()).orElseThrow();
        Map<String, @Nullable Object> shown = new LinkedHashMap<>();
        shown.put("action", parts.config().issuer() + Approvals.PAGE);
        shown.put("flow", flow);
        shown.put("csrf", waiting.csrf());
        shown.put("agent", agent.displayName());
        shown.put("agentId", agent.id());
        shown.put("backTo", URI.create(waiting.request().redirectUri()).getAuthority());
        shown.put("person", starts.person(waiting.person(parts.providers())).display());
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

    /** What was ticked, and the end chosen; empty when nothing was. Values that the page did not offer count for nothing. */
    Optional<BehalfTask> chosen(Form form, BehalfTask offered) {
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
}
