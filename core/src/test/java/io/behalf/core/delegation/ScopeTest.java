package io.behalf.core.delegation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class ScopeTest {
    private static final Scope BELOW_A = Scope.of(Permission.of("files", List.of("read"), List.of("a/*"), Map.of()));

    @ParameterizedTest
    @ValueSource(
            strings = {"a/../b", "a/..", "a/./b", "a/b/../../etc", "..", "a", "a/", "A/b", "ab", "a%2Fb", "b/a/x", ""})
    void pathThatOnlyLooksBelowIsNotCovered(String resource) {
        assertThat(BELOW_A.covers(new Ask("files", "read", List.of(resource), Map.of())))
                .isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"a/b", "a/b/c", "a/..b", "a/b..", "a/*"})
    void whatIsBelowIsCovered(String resource) {
        assertThat(BELOW_A.covers(new Ask("files", "read", List.of(resource), Map.of())))
                .isTrue();
    }

    /** Whoever resolves it may decode it first. */
    @ParameterizedTest
    @ValueSource(strings = {"a/%2e%2e/b", "a/.%2E/b", "a/b%2f..%2fc", "a/b%5c..", "a/%252e%252e/b"})
    void whatOnlyLooksBelowIsNotCovered(String resource) {
        assertThat(BELOW_A.covers(new Ask("files", "read", List.of(resource), Map.of())))
                .isFalse();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Permission.of("files", List.of("read"), List.of(resource), Map.of()));
    }

    @Test
    void whatMayTouchMoreIsCoveredOnlyWithoutLimits() {
        Ask partly = new Ask("files", "read", List.of("a/1"), false, Map.of());
        assertThat(BELOW_A.covers(partly)).isFalse();
        assertThat(Scope.of(Permission.of("files", List.of("read"))).covers(partly))
                .isTrue();
    }

    @Test
    void oneResourceOutsideRefusesTheWholeCall() {
        assertThat(BELOW_A.covers(new Ask("files", "read", List.of("a/1", "b/1"), Map.of())))
                .isFalse();
    }

    @Test
    void twoPermissionsDoNotAddUpToOneThatNobodyGave() {
        Scope scope = Scope.of(
                Permission.of("files", List.of("read"), List.of("a/*"), Map.of()),
                Permission.of("files", List.of("write"), List.of("b/*"), Map.of()));

        assertThat(scope.covers(new Ask("files", "write", List.of("a/1"), Map.of())))
                .isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "task",
                "agent",
                "",
                "Tickets",
                "tickets:read",
                "ticke ts",
                "ťickets",
                "tickets\n",
                "a/b",
                "this-name-is-longer-than-the-sixty-four-characters-that-a-service-may-have"
            })
    void refusesNamesThatNoServiceCanHave(String service) {
        assertThatThrownBy(() -> Permission.of(service, List.of("read"))).isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "re*d", "*read", "read\u0000", "read\u007f"})
    void refusesNamesThatNoActionCanHave(String action) {
        assertThatThrownBy(() -> Permission.of("tickets", List.of(action)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a*", "*/a", "a/*/b", "a/**", "a/../b", "./a", "a/.", "\n"})
    void refusesPatternsWithOtherMeaningThanOne(String resource) {
        assertThatThrownBy(() -> Permission.of("files", List.of("read"), List.of(resource), Map.of()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void refusesMoreThanItsBounds() {
        List<String> actions = numbered(Permission.MAX_ACTIONS + 1);
        List<String> resources = numbered(Permission.MAX_RESOURCES + 1);
        List<Permission> permissions = new ArrayList<>();
        numbered(Scope.MAX_PERMISSIONS + 1).forEach(name -> permissions.add(Permission.of("s-" + name, List.of("*"))));

        assertThatThrownBy(() -> Permission.of("files", actions)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Permission.of("files", List.of("read"), resources, Map.of()))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Scope(permissions)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Permission.of("files", List.of())).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Permission.of(
                        "files", List.of("read"), List.of(), Map.of("k", numbered(Permission.MAX_VALUES + 1))))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void escapesWhatAScopeWordCannotHold() {
        Scope scope = Scope.of(Permission.of("mcp", List.of("resources/read", "a b:c", "grüße", "%41")));

        assertThat(scope.shadow()).isEqualTo("mcp:%2541 mcp:a%20b%3Ac mcp:gr%C3%BC%C3%9Fe mcp:resources/read");
        assertThat(ScopeWords.parse(scope.shadow()).shadow()).isEqualTo(scope.shadow());
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "tickets",
                "tickets:",
                ":read",
                "tickets:read  mail:send",
                " tickets:read",
                "tickets:%4",
                "tickets:%zz",
                "tickets:gr\u00fc",
                "tickets:read\ttickets:write"
            })
    void refusesScopeWordsThatAreNotWellFormed(String words) {
        assertThatThrownBy(() -> ScopeWords.parse(words)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void limitsNarrowToTheLowerOfBoth() {
        assertThat(Limits.calls(5).narrow(Limits.NONE)).isEqualTo(Limits.calls(5));
        assertThat(Limits.calls(5).narrow(Limits.calls(3))).isEqualTo(Limits.calls(3));
        assertThat(Limits.NONE.covers(Limits.calls(3))).isTrue();
        assertThat(Limits.calls(3).covers(Limits.NONE)).isFalse();
        assertThat(Limits.calls(3).covers(Limits.calls(4))).isFalse();
        assertThatThrownBy(() -> Limits.calls(0)).isInstanceOf(IllegalArgumentException.class);
    }

    private static List<String> numbered(int count) {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            names.add("n" + i);
        }
        return names;
    }
}
