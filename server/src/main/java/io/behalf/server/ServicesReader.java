package io.behalf.server;

import io.behalf.authority.AuthorityConfig;
import io.behalf.gateway.Route;
import io.behalf.policy.ServicePolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Reads {@code services}: what people and the policy know of each, for the parts that each need their own view of it. */
final class ServicesReader {
    /** The language that refusals and terminal text are worded in. */
    private static final String LANGUAGE = "en";

    private final Map<String, Section> sections;
    private final Map<String, AuthorityConfig.Service> services = new LinkedHashMap<>();
    private final Map<String, Configuration.Registered> registered = new LinkedHashMap<>();

    ServicesReader(Map<String, Section> sections) {
        this.sections = sections;
        sections.forEach((name, section) -> services.put(name, service(name, section)));
    }

    Map<String, AuthorityConfig.Service> services() {
        return services;
    }

    Map<String, Configuration.Registered> registered() {
        return registered;
    }

    Set<String> regulated() {
        Set<String> names = new TreeSet<>();
        services.forEach((name, service) -> {
            if (service.regulated()) {
                names.add(name);
            }
        });
        return names;
    }

    List<ServicePolicy> policies() {
        return services.entrySet().stream()
                .map(entry -> policy(entry.getKey(), entry.getValue()))
                .toList();
    }

    /** A person cannot approve what has no name: every action of a regulated service that a route can reach has one. */
    void requireLabels(List<Route> routes) {
        for (Route route : routes) {
            AuthorityConfig.Service service = services.get(route.service());
            if (service == null || !service.regulated()) {
                continue;
            }
            for (String action : RoutesReader.actions(route)) {
                AuthorityConfig.Action known = service.actions().get(action);
                if (known == null || known.label().isEmpty()) {
                    Section section = sections.get(route.service());
                    if (section != null) {
                        section.refuse("actions", "the action " + action + " of a regulated service has no label");
                    }
                }
            }
        }
    }

    private AuthorityConfig.Service service(String name, Section s) {
        Map<String, String> label = s.labels("label");
        boolean regulated = s.flag("regulated", false);
        Map<String, AuthorityConfig.Action> actions = new HashMap<>();
        s.named("actions").forEach((action, section) -> {
            Map<String, String> words = section.labels("label");
            var risk = section.word("risk", AuthorityConfig.Risk.class, AuthorityConfig.Risk.LOW);
            Map<String, String> data = section.labels("data");
            section.done();
            if (regulated && words.isEmpty()) {
                section.refuse("label", "an action of a regulated service needs one");
            }
            actions.put(action, new AuthorityConfig.Action(words, risk, data));
        });
        Optional<String> audience = s.optionalText("audience");
        Optional<Path> keys = s.path("signing-keys");
        s.done();
        if (keys.isPresent() && audience.isEmpty()) {
            s.refuse("signing-keys", "a service that signs records has an audience too");
        }
        if (keys.isPresent() && audience.isPresent()) {
            try {
                registered.put(name, new Configuration.Registered(audience.get(), Files.readString(keys.get())));
            } catch (IOException e) {
                s.refuse("signing-keys", "the file " + keys.get() + " cannot be read");
            }
        }
        return new AuthorityConfig.Service(label, regulated, actions);
    }

    private static ServicePolicy policy(String name, AuthorityConfig.Service service) {
        Map<String, ServicePolicy.ActionLabel> actions = new HashMap<>();
        service.actions()
                .forEach((action, known) -> actions.put(
                        action,
                        new ServicePolicy.ActionLabel(
                                spoken(known.label(), action),
                                Optional.of(known.risk().name().toLowerCase(Locale.ROOT)),
                                Optional.ofNullable(known.data().get(LANGUAGE)))));
        return new ServicePolicy(name, service.regulated(), spoken(service.label(), name), actions);
    }

    private static String spoken(Map<String, String> label, String fallback) {
        String words = label.get(LANGUAGE);
        return words == null ? label.values().stream().sorted().findFirst().orElse(fallback) : words;
    }
}
