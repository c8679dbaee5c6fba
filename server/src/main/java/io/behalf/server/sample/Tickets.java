package io.behalf.server.sample;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The pretend data. */
final class Tickets {
    record Ticket(String id, String plan, String quarter, String title) {
        Map<String, Object> toJson() {
            return Map.of("id", id, "plan", plan, "quarter", quarter, "title", title);
        }
    }

    static final List<Ticket> ALL = List.of(
            new Ticket("t-101", "enterprise", "Q3", "Sign-in fails after the certificate was changed"),
            new Ticket("t-102", "enterprise", "Q3", "Sign-in asks twice"),
            new Ticket("t-103", "enterprise", "Q3", "Export stops at 10,000 rows"),
            new Ticket("t-104", "basic", "Q3", "How do I change my address?"));

    private Tickets() {}

    static List<Ticket> search(String plan, String quarter) {
        return ALL.stream()
                .filter(ticket -> plan.isEmpty() || ticket.plan().equals(plan))
                .filter(ticket -> quarter.isEmpty() || ticket.quarter().equals(quarter))
                .toList();
    }

    static Optional<Ticket> find(String id) {
        return ALL.stream().filter(ticket -> ticket.id().equals(id)).findFirst();
    }
}
