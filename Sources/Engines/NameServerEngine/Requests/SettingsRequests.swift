import RemotingProtocol

/// The name server's own settings.
extension NameServerEngine {
    /// Code 318. All keys or none.
    mutating func updateSettings(_ request: Request) throws(RequestFailure) -> Answer {
        let sent = request.command.withBodyBytes { PropertiesText(parsing: Array($0)) }
        var changed = self.settings
        for (key, value) in sent.pairs {
            switch changed.set(key, to: value) {
            case .changed: break
            case .unknown: throw .unknownSetting(key)
            case .locked: throw .lockedSetting(key)
            }
        }
        self.settings = changed
        return Answer(event: .settingsChanged(sent.pairs.map(\.key)))
    }

    /// Code 319.
    func getSettings(_ request: Request) -> Answer {
        Answer(body: PropertiesText(pairs: self.settings.pairs).encoded)
    }
}
