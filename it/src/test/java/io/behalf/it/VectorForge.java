package io.behalf.it;

import io.behalf.core.jose.Base64Url;
import io.behalf.core.jose.DpopProof;
import io.behalf.core.jose.SignatureAlgorithm;
import io.behalf.core.jose.SigningKey;
import io.behalf.core.jose.VerificationKey;
import io.behalf.core.json.Json;
import java.math.BigInteger;
import java.net.URI;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;

/**
 * Makes the tokens and proofs that the recipes in {@code vectors/presentations.json} describe, for the place and moment
 * that the file names or for those of a running server. {@code vectors/README.md} says what a recipe means.
 */
final class VectorForge {
    private static final Pattern PLACEHOLDER = Pattern.compile("\\{([a-z_ ]+)(?::([a-z0-9-]+))?([+-][0-9]+)?}");
    private static final String IN_CAPITALS = " in capitals";
    private static final Map<String, Object> HONEST = Map.of();

    private final Map<String, SigningKey> keys;
    private final Map<String, @Nullable Object> honest;
    private final Signer signer;
    /** Made twice, a text is signed once: who shows a proof again shows the same bytes. */
    private final Map<String, byte[]> signatures = new HashMap<>();

    /** How a key signs. */
    @FunctionalInterface
    interface Signer {
        byte[] sign(SigningKey key, byte[] text);

        /** The same bytes each time. */
        Signer DETERMINISTIC = (key, text) ->
                key.algorithm() == SignatureAlgorithm.ES256 ? DeterministicEcdsa.sign(key, text) : key.sign(text);
    }

    VectorForge(Map<String, SigningKey> keys, Map<String, @Nullable Object> honest, Signer signer) {
        this.keys = keys;
        this.honest = honest;
        this.signer = signer;
    }

    /**
     * Where and when something is shown.
     *
     * @param words what the placeholders of addresses and names mean here
     * @param claims what an honest token of this task says, where the file's would not do
     */
    record Place(Instant now, Map<String, String> words, Map<String, @Nullable Object> claims) {
        /** The place that the file names. */
        static Place of(Map<String, @Nullable Object> at) {
            var words = new HashMap<String, String>();
            at.forEach((name, word) -> words.put(name.replace('_', ' '), String.valueOf(word)));
            return new Place(Instant.parse(VectorFile.text(at, "now")), words, Map.of());
        }

        Place with(String word, String meaning) {
            var more = new HashMap<>(words);
            more.put(word, meaning);
            return new Place(now, more, claims);
        }
    }

    /**
     * What is shown.
     *
     * @param before proofs of requests with the same token that came before
     */
    record Made(Optional<String> token, List<List<String>> before, List<String> proofs) {}

    Made make(Map<String, @Nullable Object> recipe, Place place) {
        var showing = new Showing(place);
        var token = recipe.containsKey("token")
                ? Optional.of(showing.text(
                        VectorFile.object(recipe.get("token")), "authority", part("header"), showing.claims()))
                : Optional.<String>empty();
        showing.shown = token.orElse("");
        return new Made(
                token,
                VectorFile.list(recipe.getOrDefault("before", List.of())).stream()
                        .map(proofs -> showing.proofs(proofs, "agent"))
                        .toList(),
                showing.proofs(recipe.getOrDefault("proofs", List.of(HONEST)), "agent"));
    }

    /** One token that differs by this recipe from an honest one, whose {@code header} and {@code claims} are given. */
    String token(Map<String, @Nullable Object> recipe, Map<String, @Nullable Object> honestToken, Place place) {
        return new Showing(place)
                .text(
                        recipe,
                        VectorFile.text(honestToken, "signed_by"),
                        VectorFile.object(honestToken.get("header")),
                        VectorFile.object(honestToken.get("claims")));
    }

    /** Proofs that come with no token, by this key unless their recipes say otherwise. */
    List<String> proofs(@Nullable Object recipes, String usualSigner, Place place) {
        return new Showing(place).proofs(recipes == null ? List.of(HONEST) : recipes, usualSigner);
    }

    /** The text with what its placeholders mean. */
    String resolved(String text, Place place) {
        return new Showing(place).resolved(text);
    }

    private Map<String, @Nullable Object> part(String name) {
        return VectorFile.object(honest.get(name));
    }

    private SigningKey key(String name) {
        return Objects.requireNonNull(keys.get(name), () -> "no key " + name);
    }

    /** One vector's tokens and proofs. */
    private final class Showing {
        private final Place place;
        private String signedBy = "";
        private String shown = "";

        Showing(Place place) {
            this.place = place;
        }

        Map<String, @Nullable Object> claims() {
            return patched(part("claims"), place.claims());
        }

        List<String> proofs(@Nullable Object recipes, String usualSigner) {
            return VectorFile.list(recipes).stream()
                    .map(recipe ->
                            text(VectorFile.object(recipe), usualSigner, part("proof_header"), part("proof_claims")))
                    .toList();
        }

        private String text(
                Map<String, @Nullable Object> recipe,
                String usualSigner,
                Map<String, @Nullable Object> honestHeader,
                Map<String, @Nullable Object> honestClaims) {
            if (recipe.get("text") instanceof String text) {
                return resolved(text);
            }
            signedBy = VectorFile.text(recipe, "signed_by", usualSigner);
            var header = patched(honestHeader, recipe.get("header"));
            var claims = patched(honestClaims, recipe.get("claims"));
            var signed = encoded(recipe, header, claims);
            var signature = signature(recipe, signed);
            if (recipe.get("after_signing") instanceof Map<?, ?> changes) {
                signed =
                        encoded(recipe, patched(header, changes.get("header")), patched(claims, changes.get("claims")));
            }
            return VectorFile.text(recipe, "compact", "<header>.<claims>.<signature>")
                    .replace("<header>", signed.substring(0, signed.indexOf('.')))
                    .replace("<claims>", signed.substring(signed.indexOf('.') + 1))
                    .replace("<signature>", signature);
        }

        private String encoded(
                Map<String, @Nullable Object> recipe,
                Map<String, @Nullable Object> header,
                Map<String, @Nullable Object> claims) {
            var charset = Charset.forName(VectorFile.text(recipe, "claims_charset", "utf-8"));
            return Base64Url.encode(written(recipe.get("header_text"), header).getBytes(StandardCharsets.UTF_8))
                    + "."
                    + Base64Url.encode(
                            written(recipe.get("claims_text"), claims).getBytes(charset));
        }

        private String written(@Nullable Object form, Map<String, @Nullable Object> members) {
            var canonical = new String(Json.canonical(resolved(members)), StandardCharsets.UTF_8);
            return form instanceof String text
                    ? resolved(text).replace("<members>", canonical.substring(1, canonical.length() - 1))
                    : canonical;
        }

        private String signature(Map<String, @Nullable Object> recipe, String signed) {
            var key = key(signedBy);
            var good = signatures.computeIfAbsent(
                    signedBy + " " + signed, _ -> signer.sign(key, signed.getBytes(StandardCharsets.US_ASCII)));
            var how = VectorFile.text(recipe, "signature", "good");
            return switch (how) {
                case "good" -> Base64Url.encode(good);
                case "cut" -> Base64Url.encode(Arrays.copyOf(good, good.length - 1));
                case "longer" -> Base64Url.encode(Arrays.copyOf(good, good.length + 1));
                case "stray_bits" -> strayBits(Base64Url.encode(good));
                case "der" -> Base64Url.encode(der(good));
                case "mirrored" -> Base64Url.encode(mirrored(good));
                case "hmac_of_public_der" -> hmac(key.publicKey().key().getEncoded(), signed);
                case "hmac_of_public_pem" -> hmac(pem(key.publicKey()), signed);
                case "hmac_of_public_jwk" -> hmac(Json.canonical(key.publicKey().toJwk()), signed);
                default -> throw new IllegalArgumentException("no signature " + how);
            };
        }

        private @Nullable Object resolved(@Nullable Object value) {
            return switch (value) {
                case String text -> PLACEHOLDER.matcher(text).matches() ? whole(text) : resolved(text);
                case List<?> list -> resolvedList(list);
                case Map<?, ?> map -> {
                    var out = new LinkedHashMap<String, @Nullable Object>();
                    VectorFile.object(map).forEach((member, of) -> out.put(member, resolved(of)));
                    yield out;
                }
                case null, default -> value;
            };
        }

        private List<@Nullable Object> resolvedList(List<?> list) {
            var out = new ArrayList<@Nullable Object>();
            list.forEach(item -> out.add(resolved(item)));
            return out;
        }

        private String resolved(String text) {
            return PLACEHOLDER
                    .matcher(text)
                    .replaceAll(found -> Matcher.quoteReplacement(String.valueOf(whole(found.group()))));
        }

        private Object whole(String placeholder) {
            var parts = PLACEHOLDER.matcher(placeholder);
            if (!parts.matches()) {
                throw new IllegalArgumentException(placeholder);
            }
            var named = parts.group(2);
            return switch (parts.group(1)) {
                case "now" -> place.now().getEpochSecond() + Long.parseLong(parts.group(3));
                case "url by another scheme" ->
                    word("url").startsWith("https")
                            ? word("url").replaceFirst("https", "http")
                            : word("url").replaceFirst("http", "https");
                case "token" -> shown;
                case "ath" -> DpopProof.tokenHash(shown);
                case "alg" -> named(named).algorithm().code();
                case "kid" -> named(named).thumbprint();
                case "jwk" -> named(named).publicKey().toJwk();
                case "private_jwk" -> named(named).toPrivateJwk();
                case String name
                when name.endsWith(IN_CAPITALS) ->
                    capitals(word(name.substring(0, name.length() - IN_CAPITALS.length())));
                case String name -> word(name);
            };
        }

        private String word(String name) {
            return Objects.requireNonNull(place.words().get(name), () -> "no placeholder " + name);
        }

        private SigningKey named(String name) {
            return key(name.equals("signer") ? signedBy : name);
        }
    }

    /** RFC 7396. */
    private static Map<String, @Nullable Object> patched(Map<String, @Nullable Object> target, @Nullable Object patch) {
        var out = new LinkedHashMap<String, @Nullable Object>(target);
        if (patch != null) {
            VectorFile.object(patch).forEach((name, value) -> {
                if (value == null) {
                    out.remove(name);
                } else if (value instanceof Map<?, ?>) {
                    out.put(
                            name,
                            patched(out.get(name) instanceof Map<?, ?> old ? VectorFile.object(old) : Map.of(), value));
                } else {
                    out.put(name, value);
                }
            });
        }
        return out;
    }

    /** Scheme and host in capitals, and the port that goes without saying said: the same address (RFC 3986 §6.2). */
    private static String capitals(String address) {
        var uri = URI.create(address);
        var port = uri.getPort() >= 0 ? uri.getPort() : uri.getScheme().equals("https") ? 443 : 80;
        return (uri.getScheme() + "://" + uri.getHost()).toUpperCase(Locale.ROOT) + ":" + port + uri.getRawPath();
    }

    /** The oldest trick: a verifier that lets the token choose HMAC would take the public key for the secret. */
    private static String hmac(byte[] secret, String signed) {
        try {
            var mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret, "HmacSHA256"));
            return Base64Url.encode(mac.doFinal(signed.getBytes(StandardCharsets.US_ASCII)));
        } catch (GeneralSecurityException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    private static byte[] pem(VerificationKey key) {
        return ("-----BEGIN PUBLIC KEY-----\n"
                        + Base64.getMimeEncoder(64, new byte[] {'\n'})
                                .encodeToString(key.key().getEncoded())
                        + "\n-----END PUBLIC KEY-----\n")
                .getBytes(StandardCharsets.US_ASCII);
    }

    /** 64 bytes are 86 characters, of which the last holds four bits that must be zero. */
    private static String strayBits(String signature) {
        var alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        var last = alphabet.indexOf(signature.charAt(signature.length() - 1));
        return signature.substring(0, signature.length() - 1) + alphabet.charAt(last | 1);
    }

    /** The form that signatures have outside JOSE. */
    private static byte[] der(byte[] signature) {
        var r = new BigInteger(1, Arrays.copyOf(signature, 32)).toByteArray();
        var s = new BigInteger(1, Arrays.copyOfRange(signature, 32, 64)).toByteArray();
        var out = new byte[6 + r.length + s.length];
        out[0] = 0x30;
        out[1] = (byte) (4 + r.length + s.length);
        out[2] = 2;
        out[3] = (byte) r.length;
        System.arraycopy(r, 0, out, 4, r.length);
        out[4 + r.length] = 2;
        out[5 + r.length] = (byte) s.length;
        System.arraycopy(s, 0, out, 6 + r.length, s.length);
        return out;
    }

    /** Whoever has seen an ECDSA signature (r, s) can write another good one of the same text: (r, n − s). */
    private static byte[] mirrored(byte[] signature) {
        var s = new BigInteger(1, Arrays.copyOfRange(signature, 32, 64));
        var other = DeterministicEcdsa.N.subtract(s).toByteArray();
        var out = Arrays.copyOf(signature, 32);
        out = Arrays.copyOf(out, 64);
        var length = Math.min(32, other.length);
        System.arraycopy(other, other.length - length, out, 64 - length, length);
        return out;
    }
}
