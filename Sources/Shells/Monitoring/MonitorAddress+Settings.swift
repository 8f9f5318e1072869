package import ConfigurationFormat

extension SettingForm<MonitorAddress.Port> {
    /// A number, 0 for any that is free, or `off`.
    package static var monitorPort: Self {
        SettingForm(
            parse: { text throws(WrongValue) in
                guard let port = MonitorAddress.Port(text) else {
                    throw WrongValue("is a number from 0 to 65535, or off")
                }
                return port
            },
            print: { port in
                switch port {
                case .off: "off"
                case .usual(let number), .chosen(let number): "\(number)"
                }
            })
    }
}

extension FixedSetting {
    /// RocketMQ's word for who gets the metrics, as a name or as its number.
    package static var metricsExporterType: Self {
        FixedSetting("metricsExporterType") { value, _ in
            switch value.uppercased() {
            case "PROM", "2": .fine
            case "DISABLE", "0": .noEffect("metrics are told on httpPort; off for none")
            default: .noEffect("metrics are told on httpPort, in the form of Prometheus only")
            }
        }
    }
}
