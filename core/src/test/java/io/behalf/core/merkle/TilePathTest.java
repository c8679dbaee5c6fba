package io.behalf.core.merkle;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TilePathTest {
    @ParameterizedTest
    @CsvSource({
        "0, 1234067, 256, tile/0/x001/x234/067",
        "0, 0, 256, tile/0/000",
        "1, 999, 1, tile/1/999.p/1",
        "3, 1000, 255, tile/3/x001/000.p/255",
        "-1, 273, 112, tile/entries/273.p/112",
        "-1, 1000000, 256, tile/entries/x001/x000/000",
    })
    void pathsAreThoseOfTheSpecification(int level, long index, int width, String path) {
        var tile = new TilePath(level, index, width);

        assertThat(tile.path()).isEqualTo(path);
        assertThat(TilePath.parse(path)).isEqualTo(Parsed.valid(tile));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "tile/0/0",
                "tile/0/0000",
                "tile/0/x000/000",
                "tile/0/x01/000",
                "tile/0/001/000",
                "tile/0/000.p/0",
                "tile/0/000.p/01",
                "tile/0/000.p/256",
                "tile/0/000.p/",
                "tile/00/000",
                "tile/8/000",
                "tile/-1/000",
                "tile/entries/../000",
                "/tile/0/000",
                "tile/0/000/",
                "tile/0/\u0660\u0660\u0660",
                "tile/0/x001/x001/x001/x001/x001/x001/001",
            })
    void aTileHasOneNameOnly(String path) {
        assertThat(TilePath.parse(path)).isInstanceOf(Parsed.Invalid.class);
    }

    @Test
    void widthFollowsTheSizeOfTheTree() {
        assertThat(TilePath.in(70_000, 0, 0)).isEqualTo(new TilePath(0, 0, 256));
        assertThat(TilePath.in(70_000, 0, 273)).isEqualTo(new TilePath(0, 273, 112));
        assertThat(TilePath.in(70_000, 1, 1)).isEqualTo(new TilePath(1, 1, 17));
        assertThat(TilePath.in(70_000, 2, 0)).isEqualTo(new TilePath(2, 0, 1));
        assertThatThrownBy(() -> TilePath.in(70_000, 3, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> TilePath.in(256, 0, 1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void namesTheFolderOfItsPartialForms() {
        assertThat(new TilePath(0, 1234067, 7).partialsPath()).isEqualTo("tile/0/x001/x234/067.p");
    }
}
