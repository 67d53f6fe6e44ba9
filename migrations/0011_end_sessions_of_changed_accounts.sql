-- A changed role or status ends every session of the account, whoever changes it and by whatever path: a token
-- never has more rights than when it was given, and a suspension that is lifted revives nothing.
CREATE TRIGGER accounts_end_sessions AFTER UPDATE OF role, status ON accounts
WHEN NEW.role IS NOT OLD.role OR NEW.status IS NOT OLD.status
BEGIN
  DELETE FROM sessions WHERE account_id = NEW.id;
END;
