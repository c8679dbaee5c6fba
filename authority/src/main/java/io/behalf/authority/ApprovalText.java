package io.behalf.authority;

import io.behalf.authority.AuthorityConfig.Action;
import io.behalf.authority.AuthorityConfig.Risk;
import io.behalf.authority.AuthorityConfig.Service;
import io.behalf.core.delegation.BehalfTask;
import io.behalf.core.delegation.Limits;
import io.behalf.core.delegation.Permission;
import io.behalf.core.delegation.Scope;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A task in plain words, built from the services' labels. The agent's own description is quoted apart, because the agent
 * could write anything into it.
 */
final class ApprovalText {
    /** The one language there is until labels bring others. */
    static final String LOCALE = "en";

    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern(
                    "EEEE, d MMMM uuuu, HH:mm 'UTC'", Locale.ENGLISH)
            .withZone(ZoneOffset.UTC);

    private final Map<String, Service> services;

    ApprovalText(Map<String, Service> services) {
        this.services = services;
    }

    /** One thing that may be granted or not: a permission cut down to one action. */
    record Item(Permission permission, String label, List<String> limits, Optional<String> data, Risk risk) {
        /** As one line of text. */
        String line() {
            return label
                    + (limits.isEmpty() ? "" : " (" + String.join("; ", limits) + ")")
                    + data.map(d -> ", touching " + d).orElse("");
        }
    }

    /** Every action of the scope on its own, in the scope's order: what a person can tick or untick. */
    List<Item> items(Scope scope) {
        List<Item> items = new ArrayList<>();
        for (Permission permission : scope.permissions()) {
            for (String action : permission.actions()) {
                items.add(item(permission, action));
            }
        }
        return items;
    }

    /** The whole text, as it is hashed into the delegation. */
    String whole(String agent, BehalfTask task, Instant end) {
        List<String> lines = new ArrayList<>();
        lines.add(agent + " may act for you.");
        lines.add("The task, in the agent's own words: \"" + task.description() + "\"");
        lines.add("It may:");
        items(task.scope()).forEach(item -> lines.add("- " + item.line()));
        lines.add("Until " + time(end) + ".");
        limits(task.limits()).ifPresent(lines::add);
        lines.add("Nothing else.");
        return String.join("\n", lines);
    }

    static String time(Instant instant) {
        return TIME.format(instant);
    }

    static Optional<String> limits(Limits limits) {
        List<String> parts = new ArrayList<>();
        limits.calls().ifPresent(n -> parts.add(n + " calls"));
        limits.tokens().ifPresent(n -> parts.add(n + " model tokens"));
        limits.spend().ifPresent(n -> parts.add(n + " millionths of the currency"));
        return parts.isEmpty() ? Optional.empty() : Optional.of("At most " + String.join(", ", parts) + ".");
    }

    private Item item(Permission permission, String action) {
        Optional<Service> service = Optional.ofNullable(services.get(permission.service()));
        Optional<Action> known = action.equals("*")
                ? service.map(ApprovalText::all)
                : service.map(s -> s.actions().get(action));
        String where = service.flatMap(s -> label(s.label())).orElse(permission.service());
        Optional<String> described = known.flatMap(a -> label(a.label()));
        String label = action.equals("*")
                ? "Anything at " + where
                        + described.map(all -> ", among it: " + all).orElse("")
                : described.orElse(action + " at " + where);
        List<String> limits = new ArrayList<>();
        if (!permission.resources().isEmpty()) {
            limits.add("only " + String.join(", ", permission.resources()));
        }
        permission.constraints().forEach((name, values) -> limits.add(name + ": " + String.join(", ", values)));
        return new Item(
                new Permission(
                        permission.service(),
                        new TreeSet<>(List.of(action)),
                        permission.resources(),
                        permission.constraints()),
                label,
                limits,
                known.flatMap(a -> label(a.data())),
                // what nobody described may be anything; a regulated service is never a small matter
                known.map(Action::risk)
                        .orElse(service.filter(Service::regulated).isPresent() ? Risk.HIGH : Risk.MEDIUM));
    }

    /** All that is described of a service in one: with its labels and data, and the highest risk of any. */
    private static Action all(Service service) {
        Risk risk = service.regulated() ? Risk.HIGH : Risk.MEDIUM;
        Set<String> labels = new LinkedHashSet<>();
        Set<String> data = new LinkedHashSet<>();
        for (Action action : new TreeMap<>(service.actions()).values()) {
            risk = action.risk().compareTo(risk) > 0 ? action.risk() : risk;
            label(action.label()).ifPresent(labels::add);
            label(action.data()).ifPresent(data::add);
        }
        return new Action(joined(labels), risk, joined(data));
    }

    private static Map<String, String> joined(Set<String> texts) {
        return texts.isEmpty() ? Map.of() : Map.of(LOCALE, String.join("; ", texts));
    }

    private static Optional<String> label(Map<String, String> byLanguage) {
        return Optional.ofNullable(byLanguage.get(LOCALE))
                .or(() -> byLanguage.values().stream().sorted().findFirst());
    }
}
