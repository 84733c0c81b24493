package vbr

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// What all revisions share. Nothing is required here that a server could leave
// out: what is needed is checked where it is needed. null is missing, everywhere.

// text is a string; a number or boolean in its place is kept as it is written.
type text string

// UnmarshalJSON accepts any scalar.
func (t *text) UnmarshalJSON(data []byte) error {
	switch data[0] {
	case '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		*t = text(strings.TrimSpace(s))
	case '{', '[':
		return fault.New(fault.Invalid, "a list or object in place of a text")
	case 'n':
		*t = ""
	default:
		*t = text(data)
	}
	return nil
}

// number is a decimal as the server wrote it, as JSON number or string.
type number string

// UnmarshalJSON keeps the text; an empty string is missing.
func (n *number) UnmarshalJSON(data []byte) error {
	var t text
	err := t.UnmarshalJSON(data)
	*n = number(t)
	return err
}

// units reads the number by C20; nil when it is missing. rounded says that places were lost.
func (n number) units() (u *usage.Units, rounded bool, err error) {
	if n == "" {
		return nil, false, nil
	}
	t := string(n)
	if rest, negative := strings.CutPrefix(t, "-"); negative && strings.Trim(rest, "0.") == "" && strings.Contains(rest, "0") {
		t = rest // a double's -0
	}
	v, rounded, err := usage.ParseUnits(t)
	if err != nil {
		return nil, false, err
	}
	return &v, rounded, nil
}

// count reads a whole number; 0 when it is missing (C22).
func (n number) count() (int64, error) {
	u, rounded, err := n.units()
	switch {
	case err != nil:
		return 0, err
	case u == nil:
		return 0, nil
	case rounded || *u%usage.One != 0:
		return 0, fault.New(fault.Invalid, "%q is not a whole number", clip(string(n), 40))
	}
	return int64(*u / usage.One), nil
}

// stamp is a time as the server wrote it; some are without an offset.
type stamp string

// UnmarshalJSON keeps the text.
func (t *stamp) UnmarshalJSON(data []byte) error {
	var s text
	err := s.UnmarshalJSON(data)
	*t = stamp(s)
	return err
}

// in reads the time; one without an offset is local to zone. nil when it is missing or lies outside 2000 to
// 2200: the vendor's platform writes "no date" as the year 1 or 9999.
func (t stamp) in(zone *time.Location) *time.Time {
	parsed, err := time.Parse(time.RFC3339Nano, string(t))
	if err != nil {
		if parsed, err = time.ParseInLocation("2006-01-02T15:04:05", string(t), zone); err != nil {
			return nil
		}
	}
	if parsed.UTC().Year() < 2000 || parsed.UTC().Year() >= 2200 {
		return nil
	}
	parsed = usage.Truncate(parsed)
	return &parsed
}

type tokenBody struct {
	AccessToken  text   `json:"access_token"`
	RefreshToken text   `json:"refresh_token"`
	ExpiresIn    number `json:"expires_in"`
}

type infoBody struct {
	VbrID        text `json:"vbrId"`
	Name         text `json:"name"`
	BuildVersion text `json:"buildVersion"`
}

type timeBody struct {
	ServerTime stamp `json:"serverTime"`
}

// page is one page of any list.
type page[T any] struct {
	Data       *[]T `json:"data"`
	Pagination struct {
		Total number `json:"total"`
	} `json:"pagination"`
}

// instanceRow is a licensed workload, of any revision.
type instanceRow struct {
	Name         text   `json:"name"`
	HostName     text   `json:"hostName"`
	Used         number `json:"usedInstancesNumber"`
	Type         text   `json:"type"`
	InstanceID   text   `json:"instanceId"`
	PlatformType text   `json:"platformType"` // from 1.3-rev0
}

// license is GET /license of any revision, with each section's own date where the revision has one.
type license struct {
	licenseHead
	Expires   stamp // of the whole, the nearer one where sections are merged
	Support   stamp // likewise
	Instances *instanceSummary
	Sockets   *socketSummary
	Capacity  *capacitySummary
}

type licenseHead struct {
	Status       text `json:"status"`
	Type         text `json:"type"`
	Edition      text `json:"edition"`
	LicensedTo   text `json:"licensedTo"`
	SupportID    text `json:"supportId"`
	CloudConnect text `json:"cloudConnect"`
}

type instanceSummary struct {
	Package  text           `json:"package"`
	Licensed number         `json:"licensedInstancesNumber"`
	Used     number         `json:"usedInstancesNumber"`
	New      number         `json:"newInstancesNumber"`
	Rental   number         `json:"rentalInstancesNumber"`
	Objects  []objectTotal  `json:"objects"`
	Workload *[]instanceRow `json:"workload"`
	Expires  stamp          `json:"expirationDate"`        // from 1.3-rev2
	Support  stamp          `json:"supportExpirationDate"` // likewise
}

type objectTotal struct {
	Type       text   `json:"type"`
	Count      number `json:"count"`
	Multiplier number `json:"multiplier"`
	Used       number `json:"usedInstancesNumber"`
}

type socketSummary struct {
	Licensed number `json:"licensedSocketsNumber"`
	Used     number `json:"usedSocketsNumber"`
	Expires  stamp  `json:"expirationDate"`        // from 1.3-rev2
	Support  stamp  `json:"supportExpirationDate"` // likewise
}

type capacitySummary struct {
	Licensed number `json:"licensedCapacityTb"`
	Used     number `json:"usedCapacityTb"`
}

// objectRow is a backup object.
type objectRow struct {
	ID            text   `json:"id"`
	Name          text   `json:"name"`
	Type          text   `json:"type"`
	PlatformName  text   `json:"platformName"`
	ObjectID      text   `json:"objectId"`
	BiosUUID      text   `json:"biosUuid"`
	RestorePoints number `json:"restorePointsCount"`
	BackupID      text   `json:"backupId"` // from 1.3-rev2
}

type pointRow struct {
	ID           text  `json:"id"`
	Name         text  `json:"name"`
	CreationTime stamp `json:"creationTime"`
	BackupID     text  `json:"backupId"`
}

// backupRow is a backup: what one job, or one policy, keeps in one repository.
type backupRow struct {
	ID      text `json:"id"`
	JobID   text `json:"jobId"`
	JobType text `json:"jobType"` // from 1.3-rev0
}

// jobRow is the state of a job.
type jobRow struct {
	ID       text `json:"id"`
	Type     text `json:"type"`
	Workload text `json:"workload"`
}
