package io.behalf.core.delegation;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * {@code covers} and {@code narrow} against a model that knows no algebra: a scope is the set of all calls of a small
 * world that it allows, found by trying each.
 */
final class ScopeAlgebraTest {
    private static final int ROUNDS = 1_500;
    private static final List<String> SERVICES = List.of("mail", "tickets");
    private static final List<String> ACTIONS = List.of("read", "search", "write");
    private static final List<String> RESOURCES = List.of("a", "a/1", "a/1/x", "a/2", "b", "b/1", "ab/1");
    private static final List<String> PATTERNS =
            List.of("*", "a", "a/*", "a/1", "a/1/*", "a/1/x", "a/2", "b", "b/*", "ab/*", "ab/1");
    private static final List<Map<String, String>> ATTRIBUTES = List.of(
            Map.of(),
            Map.of("quarter", "Q1"),
            Map.of("quarter", "Q2"),
            Map.of("quarter", "Q1", "region", "eu"),
            Map.of("region", "us"));
    private static final List<Ask> WORLD = world();

    private final long seed = new Random().nextLong();
    private final Random random = new Random(seed);

    @Test
    void coversACallExactlyWhereTheModelDoes() {
        for (int i = 0; i < ROUNDS; i++) {
            Scope scope = scope();
            for (Ask ask : WORLD) {
                assertThat(scope.covers(ask))
                        .as("seed %d, %s, %s", seed, scope, ask)
                        .isEqualTo(allows(scope, ask));
            }
        }
    }

    @Test
    void narrowsToExactlyWhatBothAllow() {
        for (int i = 0; i < ROUNDS; i++) {
            Scope a = scope();
            Scope b = scope();
            Set<Ask> both = calls(a);
            both.retainAll(calls(b));

            assertThat(calls(a.narrow(b))).as("seed %d, %s, %s", seed, a, b).isEqualTo(both);
        }
    }

    @Test
    void narrowedScopeIsCoveredByBothSides() {
        for (int i = 0; i < ROUNDS; i++) {
            Scope a = scope();
            Scope b = scope();
            Scope narrow = a.narrow(b);

            assertThat(a.covers(narrow) && b.covers(narrow))
                    .as("seed %d, %s, %s", seed, a, b)
                    .isTrue();
        }
    }

    @Test
    void neverSaysThatAScopeCoversOneThatAllowsMore() {
        int covered = 0;
        for (int i = 0; i < ROUNDS; i++) {
            Scope a = scope();
            Scope b = random.nextBoolean() ? scope() : a.narrow(scope());
            if (a.covers(b)) {
                covered++;
                assertThat(calls(a)).as("seed %d, %s, %s", seed, a, b).containsAll(calls(b));
            }
        }
        assertThat(covered).isGreaterThan(ROUNDS / 4); // or the property says little
    }

    @Test
    void coversItself() {
        for (int i = 0; i < ROUNDS; i++) {
            Scope a = scope();
            assertThat(a.covers(a)).as("seed %d, %s", seed, a).isTrue();
        }
    }

    @Test
    void readsBackItsOwnWords() {
        for (int i = 0; i < ROUNDS; i++) {
            Scope a = scope();
            Scope words = ScopeWords.parse(a.shadow());

            assertThat(words.shadow()).isEqualTo(a.shadow());
            assertThat(calls(words)).as("seed %d, %s", seed, a).containsAll(calls(a));
        }
    }

    // ---- the model

    private static boolean allows(Scope scope, Ask ask) {
        for (Permission p : scope.permissions()) {
            boolean service = p.service().equals(ask.service());
            boolean action = p.actions().stream().anyMatch(a -> a.equals("*") || a.equals(ask.action()));
            boolean resources = p.resources().isEmpty()
                    || (!ask.resources().isEmpty()
                            && ask.resources().stream()
                                    .allMatch(r -> p.resources().stream().anyMatch(pattern -> matches(pattern, r))));
            boolean constraints = p.constraints().entrySet().stream()
                    .allMatch(c -> ask.attributes().containsKey(c.getKey())
                            && c.getValue().contains(ask.attributes().get(c.getKey())));
            if (service && action && resources && constraints) {
                return true;
            }
        }
        return false;
    }

    private static boolean matches(String pattern, String resource) {
        String[] want = pattern.split("/", -1);
        String[] have = resource.split("/", -1);
        for (int i = 0; i < want.length; i++) {
            if (i >= have.length) {
                return false;
            }
            if (want[i].equals("*")) {
                return true; // the last segment: one or more further ones
            }
            if (!want[i].equals(have[i])) {
                return false;
            }
        }
        return want.length == have.length;
    }

    private static Set<Ask> calls(Scope scope) {
        Set<Ask> calls = new HashSet<>();
        for (Ask ask : WORLD) {
            if (allows(scope, ask)) {
                calls.add(ask);
            }
        }
        return calls;
    }

    private static List<Ask> world() {
        List<List<String>> touched = new ArrayList<>();
        touched.add(List.of());
        for (String first : RESOURCES) {
            touched.add(List.of(first));
            touched.add(List.of(first, "a/1"));
        }
        List<Ask> world = new ArrayList<>();
        for (String service : SERVICES) {
            for (String action : ACTIONS) {
                for (List<String> resources : touched) {
                    for (Map<String, String> attributes : ATTRIBUTES) {
                        world.add(new Ask(service, action, resources, attributes));
                    }
                }
            }
        }
        return world;
    }

    // ---- generators

    private Scope scope() {
        return new Scope(
                Stream.generate(this::permission).limit(random.nextInt(4)).toList());
    }

    private Permission permission() {
        List<String> actions = random.nextInt(4) == 0 ? List.of("*") : some(ACTIONS, 1);
        List<String> resources = random.nextInt(3) == 0 ? List.of() : some(PATTERNS, 1);
        Map<String, List<String>> constraints = new HashMap<>();
        if (random.nextInt(3) == 0) {
            constraints.put("quarter", some(List.of("Q1", "Q2", "Q3"), 1));
        }
        if (random.nextInt(4) == 0) {
            constraints.put("region", some(List.of("eu", "us"), 1));
        }
        return Permission.of(SERVICES.get(random.nextInt(2)), actions, resources, constraints);
    }

    private List<String> some(List<String> all, int least) {
        List<String> chosen = new ArrayList<>();
        while (chosen.size() < least) {
            chosen.clear();
            all.stream().filter(x -> random.nextInt(3) == 0).forEach(chosen::add);
        }
        return chosen;
    }
}
