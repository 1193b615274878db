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

// SetOAuthBearerToken answers an OAuthBearerTokenRefresh, or gives a fresh token at any time.
func (h *handle) SetOAuthBearerToken(oauthBearerToken OAuthBearerToken) error {
	if err := h.verifyClient(); err != nil {
		return err
	}
	var extensions []string
	for key, value := range oauthBearerToken.Extensions {
		extensions = append(extensions, key, value)
	}
	return h.core.setToken(oauthBearerToken.TokenValue, oauthBearerToken.Expiration.UnixMilli(),
		oauthBearerToken.Principal, extensions)
}

// SetOAuthBearerTokenFailure says that no token could be had; the client asks again after ten seconds.
func (h *handle) SetOAuthBearerTokenFailure(errstr string) error {
	if err := h.verifyClient(); err != nil {
		return err
	}
	return h.core.tokenFailed(errstr)
}

// SetSaslCredentials sets the user and password that the next connections authenticate with (SASL PLAIN and SCRAM).
func (h *handle) SetSaslCredentials(username, password string) error {
	if err := h.verifyClient(); err != nil {
		return err
	}
	return h.core.setSasl(username, password)
}
