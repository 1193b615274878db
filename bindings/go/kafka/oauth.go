//go:build cgo

package kafka

import "time"

// OAuthBearerToken is a token for SASL/OAUTHBEARER.
type OAuthBearerToken struct {
	TokenValue string
	Expiration time.Time
	Principal  string
	Extensions map[string]string
}

// SetOAuthBearerToken answers an OAuthBearerTokenRefresh.
func (h *handle) SetOAuthBearerToken(oauthBearerToken OAuthBearerToken) error {
	if err := h.verifyClient(); err != nil {
		return err
	}
	return notYet("SetOAuthBearerToken")
}

// SetOAuthBearerTokenFailure says that no token could be had.
func (h *handle) SetOAuthBearerTokenFailure(errstr string) error {
	if err := h.verifyClient(); err != nil {
		return err
	}
	return notYet("SetOAuthBearerTokenFailure")
}

// SetSaslCredentials replaces the credentials of SASL/PLAIN and SCRAM.
func (h *handle) SetSaslCredentials(username, password string) error {
	if err := h.verifyClient(); err != nil {
		return err
	}
	return notYet("SetSaslCredentials")
}
