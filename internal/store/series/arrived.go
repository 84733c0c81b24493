package series

import (
	"time"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// ReadingsAfter gives the readings that arrived behind a position, in the order of arrival, revoked ones, too. Where the
// tip holds them all, nothing else is read.
func (h *History) ReadingsAfter(after usage.Position) ([]ReadingPlace, error) {
	t := h.tip
	if t.readings == 0 || t.cursor.position <= after {
		return nil, nil
	}
	index, err := readIndex(nil, t.index.body)
	if err == nil && t.index.first > 0 && (len(index) == 0 || index[0].position > after+1) {
		index, err = h.readings()
	}
	var places []ReadingPlace
	for i := range index {
		if r := &index[i]; r.position > after {
			places = append(places, ReadingPlace{r.position, time.UnixMicro(r.taken).UTC(), r.listed})
		}
	}
	return places, err
}
