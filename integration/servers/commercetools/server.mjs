// commercetools-mock, which anyone may write to.
import { CommercetoolsMock } from '@labdigital/commercetools-mock'

await new CommercetoolsMock({ defaultProjectKey: 'shop', silent: true }).runServer(Number(process.env.PORT))
