package io.behalf.gateway;

import io.behalf.core.delegation.Delegation;
import java.util.function.Predicate;

/**
 * What must not go on.
 *
 * @param delegations whose calls
 * @param services at which services
 */
public record Stop(Predicate<Delegation> delegations, Predicate<String> services) {
    public static Stop of(Predicate<Delegation> delegations) {
        return new Stop(delegations, _ -> true);
    }

    public static Stop at(String service) {
        return new Stop(_ -> true, service::equals);
    }

    boolean affects(Delegation delegation, String service) {
        return delegations.test(delegation) && services.test(service);
    }
}
